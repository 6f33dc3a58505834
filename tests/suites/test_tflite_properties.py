"""Float conversion keeps every small model's answers, for any weights and any finite inputs.

Each architecture is converted once; weights and inputs are drawn, and put into both files. Pre-activations stay
below 1e20: beyond, float32 overflows on the way and the two libraries disagree (the last test records how).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fixtures.model_edits import edit_tflite
from modelfiles.runtimes import RuntimeProcess, default_runtimes

FEATURES, UNITS = 3, 2
ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softmax")
LARGEST = 1e20
Floats = npt.NDArray[np.float32]

BOUND = float(np.float32(1e19))
anything = st.floats(-BOUND, BOUND, width=32, allow_subnormal=True)
weight = st.floats(-3, 3, width=32, allow_subnormal=True)


@pytest.fixture(scope="module")
def runtime() -> Iterator[RuntimeProcess]:
    with RuntimeProcess(default_runtimes()[0]) as process:
        yield process


@pytest.fixture(scope="module", params=ACTIVATIONS)
def converted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A Keras model of one layer and its float .tflite file."""
    import tensorflow as tf

    model = tf.keras.Sequential(
        [tf.keras.Input((FEATURES,)), tf.keras.layers.Dense(UNITS, activation=request.param)]
    )
    model.set_weights([np.full((FEATURES, UNITS), 0.5), np.full(UNITS, 0.25)])
    path = tmp_path_factory.mktemp("converted") / f"{request.param}.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    return model, path


def put(model: Any, path: Path, kernel: Floats, bias: Floats) -> None:
    """The same weights into both; TFLite keeps a dense kernel transposed."""

    def patch(tensors: dict[str, npt.NDArray[Any]]) -> None:
        (stored,) = [t for t in tensors.values() if t.shape == (UNITS, FEATURES)]
        (shift,) = [t for t in tensors.values() if t.shape == (UNITS,) and t.dtype == np.float32]
        stored[...], shift[...] = kernel.T, bias

    model.set_weights([kernel, bias])
    edit_tflite(path, patch)


@given(
    x=arrays(np.float32, (4, FEATURES), elements=anything),
    kernel=arrays(np.float32, (FEATURES, UNITS), elements=weight),
    bias=arrays(np.float32, (UNITS,), elements=weight),
)
def test_float_conversion_keeps_every_answer(
    converted: tuple[Any, Path], runtime: RuntimeProcess, x: Floats, kernel: Floats, bias: Floats
) -> None:
    model, path = converted
    put(model, path, kernel, bias)
    before = model(x).numpy()
    after = runtime.run(path.read_bytes(), x).outputs
    # Each term of the dot product is rounded once; sums of large terms that cancel keep the rounding of the terms.
    terms = np.abs(x.astype(np.float64)) @ np.abs(kernel.astype(np.float64)) + np.abs(bias)
    assert terms.max() <= LARGEST
    rounding = 8 * np.finfo(np.float32).eps * np.maximum(terms, 1)
    if model.layers[-1].activation.__name__ in ("linear", "relu"):
        assert (np.abs(after - before) <= rounding).all()
    else:
        # A probability moves at most as far as what went in, and what went in by its rounding.
        assert (np.abs(after - before) <= np.minimum(rounding + 1e-5, 1)).all()
        assert np.isfinite(after).all()


def test_beyond_the_range_differences_are_recorded(
    converted: tuple[Any, Path], runtime: RuntimeProcess, record_property: Any
) -> None:
    """Not a promise of either library: what happens at 1e38 stands in the test's record, whatever it is."""
    model, path = converted
    put(model, path, np.full((FEATURES, UNITS), 1, np.float32), np.zeros(UNITS, np.float32))
    x = np.full((1, FEATURES), 1e38, np.float32)
    answers = {"keras": model(x).numpy().tolist(), "tflite": runtime.run(path.read_bytes(), x).outputs.tolist()}
    record_property("at 1e38", str(answers))
    assert set(answers) == {"keras", "tflite"}
