"""Which events a subscriber wants: filter documents compiled once, and an index over many of them.

Pure: documents and events in, answers out; admission compiles with the same code as the dispatcher.
"""
