"""Dapr: what a function asks of its sidecar, and what the sidecar asks of the function.

It knows no context of a platform; context/ joins the two.
"""
