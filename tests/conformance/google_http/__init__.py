"""Google's contract for HTTP functions: the function gets what was sent."""
