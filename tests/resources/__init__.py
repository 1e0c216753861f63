"""Tests of openfunction_py.resources."""
