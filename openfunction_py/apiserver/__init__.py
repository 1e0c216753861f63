"""Embedded API server: the Kubernetes wire over a durable store, for a machine without a cluster.

It acts on no object; controllers, providers and the node do, through the wire.
"""
