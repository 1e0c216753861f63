"""What runs inside a function; it imports nothing of the platform."""
