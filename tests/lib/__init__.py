"""Tests of openfunction_py.lib."""
