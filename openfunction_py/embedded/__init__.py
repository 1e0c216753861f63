"""Composition root of `ofn up`: the processes of a laptop platform and how they find each other."""
