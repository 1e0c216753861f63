"""Dapr: functions beside a real daprd, with the app protocol over HTTP and over gRPC."""
