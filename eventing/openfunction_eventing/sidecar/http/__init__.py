"""Dapr's HTTP API on FastAPI: requests become questions to the sidecar, its answers become responses."""
