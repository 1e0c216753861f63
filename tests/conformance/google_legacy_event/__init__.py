"""Google's contract for background functions: legacy events arrive, and CloudEvents arrive as legacy events."""
