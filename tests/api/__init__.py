"""Tests of openfunction_py.api."""
