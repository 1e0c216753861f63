"""Embedded counterparts of the upstream controllers: each package makes one family of objects true.

A provider knows objects only: never another provider, never a server or a file of this machine.
"""
