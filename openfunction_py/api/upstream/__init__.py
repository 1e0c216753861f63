"""The slices of upstream kinds that we read and write."""
