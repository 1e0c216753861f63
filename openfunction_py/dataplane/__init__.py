"""The gateway process: accepts, holds and forwards requests to the instances of Revisions.

Writes no objects; it watches them, and tells the node what it holds.
"""
