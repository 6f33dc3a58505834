"""Conversion to TFLite: the two regressions as .tflite files, on every declared runtime."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fixtures.houses import Houses
from fixtures.points import Points
from modelfiles import forward
from modelfiles.description import Endpoint
from suites.artefacts import Artefacts, Found, Role
from suites.conftest import Runtimes
from suites.figures import difference_histogram
from suites.subjects import scalings
from suites.verify import CheckFailed, Verify

Floats = npt.NDArray[np.float32]


def test_signature(artefacts: Artefacts, verify: Verify) -> None:
    """Each file takes one float32 tensor and answers one, unquantized, of the right shapes."""
    for kind in ("linear", "logistic"):
        found = artefacts.tflite(kind)
        verify.note(f"judged: {found.name}")
        model = found.tflite
        verify(f"{kind} input", _endpoints(model.inputs))
        verify(f"{kind} output", _endpoints(model.outputs))


def test_linear_parity(
    artefacts: Artefacts,
    houses: Houses,
    runtime: str,
    runtimes: Runtimes,
    verify: Verify,
    series: Callable[..., None],
) -> None:
    """The converted linear model answers what the Keras model answers."""
    x = scalings(houses.x)[0].apply(houses.x)
    files = (*artefacts.candidates("linear"), *artefacts.candidates("tuned"))
    difference, largest = _parity(artefacts, "linear", files, x, runtime, runtimes, verify)
    verify("largest difference", float(np.abs(difference).max(initial=0)) / largest)
    series("difference", **difference_histogram(difference))


def test_logistic_parity(
    artefacts: Artefacts,
    plane_points: Points,
    runtime: str,
    runtimes: Runtimes,
    verify: Verify,
    series: Callable[..., None],
) -> None:
    """The converted logistic model answers what the Keras model answers."""
    x = np.concatenate([plane_points.x_train, plane_points.x_test]).astype(np.float32)
    difference, _ = _parity(artefacts, "logistic", artefacts.candidates("logistic"), x, runtime, runtimes, verify)
    verify("largest difference", float(np.abs(difference).max(initial=0)))
    series("difference", **difference_histogram(difference))


def _parity(
    artefacts: Artefacts,
    kind: Role,
    files: tuple[Found, ...],
    x: Floats,
    runtime: str,
    runtimes: Runtimes,
    verify: Verify,
) -> tuple[npt.NDArray[np.float64], float]:
    """Differences from the Keras model that the file was converted from, and that model's largest output.

    A folder may hold several models of the same shape (untuned, tuned): the nearest one is the source.
    """
    converted = artefacts.tflite(kind)
    verify.note(f"judged: {converted.name}")
    _ = converted.tflite
    answer = runtimes.answer(runtime, converted.path, x)
    verify.note(f"{runtime}: {answer.module} {answer.version}")
    source = files or (artefacts.keras(kind),)
    best: tuple[float, npt.NDArray[np.float64], float, str] | None = None
    for found in source:
        outputs = forward.load(found.keras_path).predict(x).astype(np.float64)
        if answer.outputs.size != outputs.size:
            raise CheckFailed(f"answers {answer.outputs.shape}, should be {outputs.shape}")
        difference = answer.outputs.astype(np.float64).reshape(outputs.shape) - outputs
        size = float(np.abs(difference).max())
        if best is None or size < best[0]:
            best = size, difference, float(np.abs(outputs).max()), found.name
    assert best is not None
    verify.note(f"compared with: {best[3]}")
    return best[1], best[2]


def _endpoints(endpoints: tuple[Endpoint, ...]) -> str:
    return " and ".join(
        f"{e.dtype} {[1, *e.shape[1:]]}, quantization ({e.scale}, {e.zero_point})" for e in endpoints
    )
