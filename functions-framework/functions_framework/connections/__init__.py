"""What bytes of a connection mean and how answers go back: HTTP/1.1, HTTP/2, WebSocket."""
