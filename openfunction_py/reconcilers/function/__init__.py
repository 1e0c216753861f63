"""Function: build, serve, route, in this order, each a pure decision over what the caches hold."""

from openfunction_py.reconcilers.function.reconciler import install

__all__ = ["install"]
