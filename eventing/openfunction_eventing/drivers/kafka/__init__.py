"""Kafka behind the drivers that use it: settings, publishing, reading, lag."""
