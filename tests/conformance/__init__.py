"""Suites that hold the framework to what others have written down: protocols, contracts, shapes of public code."""
