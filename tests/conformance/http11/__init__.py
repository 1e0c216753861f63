"""HTTP/1.1 as a table: raw bytes, the answers they get, and whether the connection goes on."""
