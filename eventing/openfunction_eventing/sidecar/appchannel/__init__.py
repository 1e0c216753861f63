"""The app by what it speaks: HTTP, gRPC, or batches on a Unix socket."""
