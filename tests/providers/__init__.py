"""Tests of the embedded providers."""
