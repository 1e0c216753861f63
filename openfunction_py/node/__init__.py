"""The node, an embedded kubelet: makes Pods true as processes of this machine, and says how they fare.

It schedules nothing and decides no scale; it acts on the Pods that are bound to it.
"""
