"""Reads a handwritten digit: an 8x8 image in, the class, its probability and the revision that answered out."""

import io
import os
from pathlib import Path

import joblib
import numpy as np
from PIL import Image

model = joblib.load(Path(__file__).with_name("model.joblib"))


def classify(request):
    """POST a PNG of 8x8 grey pixels, or JSON {"pixels": [64 numbers from 0 to 16]}."""
    try:
        pixels = read_png(request.data) if request.data[:4] == b"\x89PNG" else request.get_json()["pixels"]
        row = np.asarray(pixels, dtype=float).reshape(1, 64) / 16
    except (KeyError, TypeError, ValueError, OSError) as error:
        return {"error": f"send an 8x8 PNG, or JSON with 64 pixels from 0 to 16: {error}"}, 400
    shares = model.predict_proba(row)[0]
    best = int(shares.argmax())
    return {"class": best, "probability": float(shares[best]), "revision": os.environ.get("K_REVISION", "")}


def read_png(body):
    """The 64 pixels of an 8x8 image, from 0 to 16."""
    with Image.open(io.BytesIO(body)) as image:
        grey = image.convert("L")
        if grey.size != (8, 8):
            raise ValueError(f"the image has {grey.width}x{grey.height} pixels")
        return [value / 15 for value in grey.tobytes()]
