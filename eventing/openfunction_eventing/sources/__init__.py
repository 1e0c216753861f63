"""Events from outside: each source waits for them in its own way and gives them to one `emit`.

A source knows nothing of where its events go.
"""
