"""Events from outside to functions: sources, buses, triggers and the sidecar.

The distribution is a name and a place in the import contracts; its kinds and drivers come with the events release.
"""
