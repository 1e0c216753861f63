"""`kill -9` of everything in turn while events flow: run by `make fault`."""
