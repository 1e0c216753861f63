# mypy: ignore-errors
"""A module beside the functions that they import."""

CALLS = []


def loud(text):
    CALLS.append(text)
    return text.upper()
