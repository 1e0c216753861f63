"""One client of a Kubernetes API: typed for long-lived processes, plain for one command.

Holds no rule about any kind of ours.
"""
