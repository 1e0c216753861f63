"""Names of the cluster for programs of a machine that has no cluster DNS: a table in every namespace that shows one.

Functions are reached through the gateway, which wakes them; other Services at their ready Pods.
"""

from openfunction_py.providers.names.reconciler import install

__all__ = ["install"]
