"""Forking instead of starting: what a template prepares, and what a fork of it does first."""
