"""A function that a clock starts: a binding calls it on its schedule, with no data."""


def tick(context):
    """Say that it was called."""
    print("cron ticked", context.data or "without data", flush=True)
