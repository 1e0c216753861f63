"""How a function is called: where it runs, how many at a time, what goes around it, and what ends it."""
