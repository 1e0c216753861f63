"""Serving: one version of a function as what runs it, and what became of that."""

from openfunction_py.reconcilers.serving.reconciler import install

__all__ = ["install"]
