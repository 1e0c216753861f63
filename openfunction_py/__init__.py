"""Functions as a service from one manifest; the layers are listed in ARCHITECTURE.md."""
