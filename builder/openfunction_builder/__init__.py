"""A Cloud Native Buildpacks lifecycle that needs no container engine."""
