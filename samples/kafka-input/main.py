"""A function of a Kafka topic, at zero while nobody writes to it."""


def handle(context, data):
    """Say what came."""
    print("kafka brought", bytes(data).decode(), flush=True)
