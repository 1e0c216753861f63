"""Pure scaling decisions: measured load in, desired count out, time as an argument.

Does no I/O and reads no clock; who calls it measures, applies and waits.
"""
