"""EventBus and ClusterEventBus: a broker of our own where none is named, and whether the broker answers."""

from openfunction_py.reconcilers.eventbus.reconciler import install

__all__ = ["install"]
