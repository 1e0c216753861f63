"""Google's contract for CloudEvent functions: events arrive unchanged, legacy events arrive as CloudEvents."""
