"""Conversion to TFLite: how far the converted models' outputs lie from Keras's, on every runtime."""

from __future__ import annotations

from collections.abc import Iterator

from reports.figures.exhibits import AnyExhibit
from reports.figures.parity import differences
from suites.records import Records


def linear(run: Records) -> Iterator[AnyExhibit]:
    """Differences of the converted linear model."""
    yield from differences(run, "tflite/linear-parity", "Linear model: difference from Keras", "Keras")


def logistic(run: Records) -> Iterator[AnyExhibit]:
    """Differences of the converted logistic model."""
    yield from differences(run, "tflite/logistic-parity", "Logistic model: difference from Keras", "Keras")


DRAWERS = (linear, logistic)
