"""Tests of the reconcilers over a small in-memory API."""
