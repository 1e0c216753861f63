"""The sidecar: its API over HTTP and gRPC, what it brings to apps, and its program."""
