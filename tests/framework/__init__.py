"""Tests of functions_framework, on real sockets and real processes."""
