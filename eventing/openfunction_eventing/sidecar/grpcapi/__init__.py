"""Dapr's gRPC API on the SDK's own server stubs: messages become questions to the sidecar, its answers messages."""
