"""The kinds: types, defaults, rules, and how they stand on the wire."""
