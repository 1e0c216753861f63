"""Functions that never return, of every kind, and what their callers and their neighbours get."""
