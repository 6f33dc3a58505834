"""What every training of the lab shares."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Model = Any  # tf.keras.Model: TensorFlow brings no types that a checker could follow
Floats = npt.NDArray[np.floating]
History = dict[str, list[float]]

BATCH = 32
"""Rows per gradient step: the lab's, and Keras's default where the lab says nothing."""


def steps_per_epoch(rows: int) -> int:
    """Gradient steps in one epoch.

    Compiled as `steps_per_execution`, a whole epoch runs inside TensorFlow before Python is asked again: the
    same steps on the same batches, so the weights are the same to the last bit, in a third of the time. Given to
    `fit` too, it spares what Keras 3 does when it is not told: set the batches up twice for every epoch.
    """
    return math.ceil(rows / BATCH)


class EachEpoch(tf.keras.callbacks.Callback):  # type: ignore[misc]
    """Calls a function after every epoch. It has no hook for batches, which would cost one call for each."""

    def __init__(self, advance: Callable[[], None]) -> None:
        super().__init__()
        self._advance = advance

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002, D102
        self._advance()


def history_of(fitted: Any) -> History:
    """The curves of a `fit` as plain floats, one value an epoch."""
    return {name: [float(value) for value in values] for name, values in fitted.history.items()}
