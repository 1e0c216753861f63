"""HTTP/2 without TLS: frames as a table, a raw client, and h2spec where it is built."""
