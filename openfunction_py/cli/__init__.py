"""ofn: thin commands over the client; the only place that prints."""
