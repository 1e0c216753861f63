"""The controller runtime: caches fed by watches, work queues, and the workers that reconcile.

Holds the semantics of controller-runtime and no rule about any kind.
"""
