"""The messages and framing between control, node and gateway: values that travel over the node's socket.

It decides nothing and keeps nothing; a message may be lost, so no object's truth travels here.
"""
