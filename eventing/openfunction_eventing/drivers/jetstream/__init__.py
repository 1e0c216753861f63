"""NATS JetStream behind the drivers that use it: connection, publishing, streams and consumers, reading, backlog."""
