"""Pure makers: from our kinds to the upstream objects that make them true."""
