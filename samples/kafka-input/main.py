"""A function of a Kafka topic, at zero while nobody writes to it."""


def handle(context):
    """Say what came."""
    print("kafka brought", bytes(context.data).decode(), flush=True)
