"""What has no domain: time, names, durations, quantities, folders and the log."""
