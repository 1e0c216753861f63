"""One module per kind of ours: read caches, decide, write children, patch the status once."""
