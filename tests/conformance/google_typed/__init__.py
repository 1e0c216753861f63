"""Google's contract for typed functions: the type's own reading and writing of JSON."""
