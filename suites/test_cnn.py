"""The CNN: its architecture, its accuracy, and which classes it confuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from suites.architecture import weighted_layers
from suites.artefacts import Artefacts, Found
from suites.calibration import seed_band
from suites.conftest import Judge
from suites.images import TestImages, encode_pixels
from suites.specification import accuracy_quantity
from suites.statistics import wilson
from suites.subjects import PIXEL_SCALINGS, ImageSubject, Predictor
from suites.verify import Verify

MISCLASSIFIED = 12
SHOWN = 4


@pytest.fixture
def cnn(
    cnn_file: Found,
    judge: Judge,
    images: TestImages,
    verify: Verify,
) -> tuple[Predictor, ImageSubject]:
    """The CNN and its answers; skipped where nobody knows what it learnt from."""
    if images.unknown:
        pytest.skip(images.unknown)
    model, subject = judge(cnn_file)
    verify.note(f"pixels {subject.scaling}")
    return model, subject


def test_parameter_count(cnn_file: Found, verify: Verify, series: Callable[..., None]) -> None:
    """The model has 167,562 parameters, layer by layer as in the lab's summary."""
    model = cnn_file.keras
    counts = " · ".join(f"{layer.parameters:,}" for layer in weighted_layers(model))
    known = KNOWN_OTHERS.get(model.parameters, "")
    verify("parameters", model.parameters, because=known)
    verify("layer parameters", counts)
    rows = [
        {
            "name": layer.name,
            "kind": layer.kind,
            "output_shape": "×".join("?" if n is None else str(n) for n in (layer.output_shape or ())[1:]),
            "parameters": layer.parameters,
        }
        for layer in model.layers
    ]
    series("layers", rows=rows, total=model.parameters)


KNOWN_OTHERS = {
    122_570: ": that is the CNN of TensorFlow's own image tutorial, with a third convolution",
    282_250: ": is the padding “same”?",
}
"""Parameter counts that people really hand in, and what they come from."""


def test_accuracy(
    cnn: tuple[Predictor, ImageSubject],
    images: TestImages,
    artefacts: Artefacts,
    verify: Verify,
    series: Callable[..., None],
) -> None:
    """The accuracy on the test images is above the threshold for this data."""
    model, subject = cnn
    quantity = accuracy_quantity(images.name, images.training_rows)
    if quantity is None:
        pytest.skip(f"no threshold for {images.training_rows:,} {images.name} training images")
    verify(quantity, subject.accuracy, interval=wilson(int(subject.right.sum()), subject.right.size))
    if (unseen := images.fresh()) is not None:
        x, y = unseen
        fresh = ImageSubject(model.predict(PIXEL_SCALINGS[subject.scaling](x)), y, subject.scaling)
        limits = wilson(int(fresh.right.sum()), fresh.right.size)
        verify(f"{quantity}, fresh images", fresh.accuracy, interval=limits)
    history = artefacts.evidence_or("cnn").get("history")
    if history:
        series("history", **history)
        band = seed_band(quantity)
        if band:
            series("seed_band", **band)


def test_confusion_matrix(
    cnn: tuple[Predictor, ImageSubject],
    images: TestImages,
    verify: Verify,
    series: Callable[..., None],
) -> None:
    """No class is dead: every class is recognised more often than by chance."""
    _, subject = cnn
    names = images.class_names
    counts = subject.confusion(len(names))
    totals = np.bincount(images.y, minlength=len(names))
    limits = [wilson(int(counts[n, n]), int(totals[n]))[1] for n in range(len(names)) if totals[n]]
    lowest = int(np.argmin(limits))
    verify("lowest recall", limits[lowest], because=f": hardly any {names[lowest]} is recognised")
    worst = worst_pairs(counts)
    for true, predicted, count in worst[:3]:
        verify.note(f"{names[true]} taken for {names[predicted]} {count} times")
    pairs = [[names[true], names[predicted], count] for true, predicted, count in worst]
    series("matrix", labels=list(names), counts=counts.tolist(), worst=pairs)
    mistaken = np.flatnonzero(~subject.right)
    mistaken = mistaken[np.argsort(-subject.probabilities[mistaken].max(axis=1), kind="stable")]
    series("misclassified", images=[_image(subject, images, n) for n in mistaken[:MISCLASSIFIED]])
    series("predictions", images=[_image(subject, images, n) for n in range(SHOWN)])


def worst_pairs(counts: npt.NDArray[np.int64], n: int = 5) -> list[tuple[int, int, int]]:
    """The most frequent confusions of a square matrix of counts as (true, predicted, count)."""
    off = counts - np.diag(np.diag(counts))
    order = np.argsort(-off, axis=None, kind="stable")[:n]
    pairs = [tuple(int(i) for i in np.unravel_index(flat, off.shape)) for flat in order]
    return [(true, predicted, int(off[true, predicted])) for true, predicted in pairs if off[true, predicted]]


def _image(subject: ImageSubject, images: TestImages, n: int) -> dict[str, Any]:
    probabilities = subject.probabilities[n].astype(float)
    return {
        "pixels": encode_pixels(images.x[n]),
        "true": images.class_names[int(images.y[n])],
        "predicted": images.class_names[int(probabilities.argmax())],
        "probability": round(float(probabilities.max()), 4),
        "probabilities": [round(float(p), 4) for p in probabilities],
    }
