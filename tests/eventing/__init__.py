"""Tests of the distribution openfunction-eventing."""
