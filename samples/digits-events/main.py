"""Reads a handwritten digit in an event: an 8x8 image in, the class and its probability out as the next event."""

import io
from pathlib import Path

import joblib
import numpy as np
from cloudevents.http import CloudEvent
from PIL import Image

import functions_framework

model = joblib.load(Path(__file__).with_name("model.joblib"))


@functions_framework.cloud_event
def classify(event):
    """Takes a PNG of 8x8 grey pixels; its answer names the event that it is about in the attribute `of`."""
    row = np.asarray(read_png(event.data), dtype=float).reshape(1, 64) / 16
    shares = model.predict_proba(row)[0]
    best = int(shares.argmax())
    about = {"type": "digit.read", "source": "/digits-events", "of": event["id"]}
    return CloudEvent(about, {"class": best, "probability": float(shares[best])})


def read_png(body):
    """The 64 pixels of an 8x8 image, from 0 to 16."""
    with Image.open(io.BytesIO(body)) as image:
        return [value / 15 for value in image.convert("L").resize((8, 8)).tobytes()]
