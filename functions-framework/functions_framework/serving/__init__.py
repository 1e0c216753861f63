"""Processes that serve: the server on its socket, an instance and its line to a node, the guard and its workers."""
