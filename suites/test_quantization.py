"""Quantization: smaller, and still the same model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from modelfiles import forward
from modelfiles.description import TFLiteModel, TFLiteTensor
from modelfiles.errors import RuntimeFailure
from suites.artefacts import Artefacts, Found, Missing, Role
from suites.conftest import Judge, Runtimes
from suites.figures import difference_histogram
from suites.images import TestImages
from suites.statistics import paired_drop
from suites.subjects import PIXEL_SCALINGS, ImageSubject
from suites.test_formats import saved_formats
from suites.verify import CheckFailed, Verify

LARGE = 1_024  # elements; the converter never quantizes smaller tensors
PARITY_INPUTS = 1_000
FEW_INPUTS = 100
"""Images that each other file is tried on, on each runtime."""
REGRESSIONS: Mapping[int, tuple[Role, ...]] = {1: ("linear", "tuned"), 2: ("logistic",)}
"""Number of inputs to the models that have so many."""


@pytest.fixture
def quantized(artefacts: Artefacts, verify: Verify) -> Found:
    """The quantized .tflite file."""
    found = artefacts.tflite("quantized")
    verify.note(f"judged: {found.name}")
    _ = found.tflite
    return found


@pytest.fixture
def source(artefacts: Artefacts, verify: Verify) -> Found:
    """The Keras model that the quantized file is compared with."""
    for found in saved_formats(artefacts).values():
        if found.keras.layers:
            verify.note(f"compared with: {found.name}")
            return found
    raise Missing("not found: looked for the Keras model that the quantized file was made from.")


def test_weights(quantized: Found, verify: Verify, series: Callable[..., None]) -> None:
    """Every weight tensor of at least 1,024 elements is stored as int8."""
    weights = [tensor for tensor in quantized.tflite.tensors if tensor.constant and _is_weight(tensor)]
    large = [tensor for tensor in weights if _elements(tensor) >= LARGE]
    other = [tensor for tensor in large if tensor.dtype != "int8"]
    if not large:
        raise Missing(f"not found: {quantized.name} holds no weight tensor of {LARGE:,} elements or more.")
    named = ", ".join(f"{tensor.name} is {tensor.dtype}" for tensor in other[:3])
    verify("float tensors", len(other), because=f": {named}" if named else "")
    series("tensors", rows=[_tensor_row(tensor) for tensor in weights])


def test_size_reduction(
    quantized: Found, artefacts: Artefacts, verify: Verify, series: Callable[..., None]
) -> None:
    """The quantized file takes at most 0.30 of four bytes per parameter, and of the float file."""
    file = quantized.tflite
    keras = saved_formats(artefacts)
    parameters = next((found.keras.parameters for found in keras.values()), 0) or file.parameters
    verify("share of float bytes", file.file_bytes / (4 * parameters))
    floats = artefacts.named("cifar10_cnn_model.tflite")
    if floats is not None:
        verify("share of the float file", file.file_bytes / floats.tflite.file_bytes)
    rows = [{"name": "weights alone", "bytes": 4 * parameters, "kind": "weights"}]
    rows += [{"name": label, "bytes": _size(found), "kind": "keras"} for label, found in keras.items()]
    images = [found for found in artefacts.tflites() if _takes_images(found.tflite)]
    rows += [{"name": found.name, "bytes": found.tflite.file_bytes, "kind": "tflite"} for found in images]
    series("sizes", rows=sorted(rows, key=lambda row: (-int(str(row["bytes"])), str(row["name"]))))


def test_output_parity(
    quantized: Found,
    source: Found,
    images: TestImages,
    runtimes: Runtimes,
    judge: Judge,
    verify: Verify,
    series: Callable[..., None],
) -> None:
    """The quantized model answers nearly what the float weights answer, and decides the same."""
    before = judge(source, PARITY_INPUTS)[1]
    after = _answers(quantized, before, images, runtimes, verify)
    difference = after.probabilities.astype(np.float64) - before.probabilities
    verify("largest difference", float(np.abs(difference).max()))
    same = after.classes == before.classes
    verify("top-1 agreement", float(same.mean()))
    verify.note(f"{same.size:,} inputs")
    series("difference", **difference_histogram(difference))
    if not images.unknown:
        series("flips", **_flips(before, after))


def test_accuracy_drop(
    quantized: Found,
    source: Found,
    images: TestImages,
    runtimes: Runtimes,
    judge: Judge,
    verify: Verify,
) -> None:
    """Quantization costs at most one point of accuracy, on the same images one by one."""
    if images.unknown:
        pytest.skip(images.unknown)
    _, before = judge(source)
    after = _answers(quantized, before, images, runtimes, verify)
    paired = paired_drop(before.right, after.right)
    verify("upper limit of the drop", paired.upper_limit())
    verify.note(
        f"{before.accuracy:.2%} before, {after.accuracy:.2%} after on {paired.examples:,} images: "
        f"{paired.lost} lost, {paired.gained} gained"
    )


def test_runtime_support(
    quantized: Found,
    artefacts: Artefacts,
    images: TestImages,
    runtime: str,
    informs: bool,
    runtimes: Runtimes,
    judge: Judge,
    verify: Verify,
    series: Callable[..., None],
) -> None:
    """The quantized file loads and runs on each declared runtime."""
    tried = {found.name: _try(found, runtime, artefacts, images, runtimes, judge) for found in _files(artefacts)}
    ours = tried[quantized.name]
    version = runtimes.answered[runtime]
    series("support", files=list(tried.values()), version=version, informs=informs)
    verify.note(f"{runtime}: {version}")
    if informs and ours["outcome"] != "runs":
        pytest.skip(f"{runtime} does not open it ({ours['reason']}); informs, without points")
    verify("outcome", ours["outcome"], because=f": {ours['reason']}" if ours["reason"] else "")


def _other_shape(ours: npt.NDArray[Any], expected: npt.NDArray[Any]) -> str:
    return f"answers {ours.shape[1:]} numbers for an image, should be {expected.shape[1:]}"


def _files(artefacts: Artefacts) -> list[Found]:
    return sorted(artefacts.tflites(), key=lambda found: -found.tflite.file_bytes)


def _try(
    found: Found,
    runtime: str,
    artefacts: Artefacts,
    images: TestImages,
    runtimes: Runtimes,
    judge: Judge,
) -> dict[str, Any]:
    """Load and run one file on one runtime; whatever happens is an outcome."""
    row: dict[str, Any] = {"file": found.name, "kind": found.tflite.quantization, "outcome": "runs", "reason": ""}
    takes_images = _takes_images(found.tflite)
    sources = list(saved_formats(artefacts).values()) if takes_images else []
    before = judge(sources[0], FEW_INPUTS)[1] if sources else None
    if takes_images:
        scale = PIXEL_SCALINGS[before.scaling if before else "divided by 255"]
        x = scale(images.x[:FEW_INPUTS])
    else:
        shape = found.tflite.inputs[0].shape[1:]
        x = np.linspace(-2, 2, 100 * int(np.prod(shape)), dtype=np.float32).reshape(100, *shape)
    try:
        answer = runtimes.answer(runtime, found.path, x)
    except RuntimeFailure as failure:
        return {**row, "outcome": failure.kind, "reason": failure.reason}
    row |= {"load_seconds": answer.load_seconds, "first_seconds": answer.first_seconds}
    if not np.isfinite(answer.outputs).all():
        return {**row, "outcome": "not finite", "reason": "its outputs are not finite numbers"}
    if before is not None:
        expected = before.probabilities
        if answer.outputs.shape != expected.shape:
            return {**row, "outcome": "other shape", "reason": _other_shape(answer.outputs, expected)}
        row["largest_difference"] = float(np.abs(answer.outputs - expected).max())
        row["top1_agreement"] = float(np.mean(answer.outputs.argmax(axis=1) == expected.argmax(axis=1)))
    elif apart := _from_the_regressions(found.tflite, artefacts, x, answer.outputs):
        row["largest_difference"] = min(apart)
    return row


def _from_the_regressions(
    model: TFLiteModel, artefacts: Artefacts, x: npt.NDArray[np.float32], outputs: npt.NDArray[np.float32]
) -> list[float]:
    """Largest difference from each Keras model of that shape; the nearest one is what the file was made from."""
    roles = REGRESSIONS.get(int(np.prod(model.inputs[0].shape[1:])), ())
    sources = [source for role in roles for source in artefacts.candidates(role)]
    answers = [forward.load(source.keras_path).predict(x) for source in sources]
    return [float(np.abs(outputs - answer.reshape(outputs.shape)).max()) for answer in answers]


def _answers(
    quantized: Found, before: ImageSubject, images: TestImages, runtimes: Runtimes, verify: Verify
) -> ImageSubject:
    """What the quantized file answers on the images that ``before`` answers; asked once for each thousand."""
    name, n = runtimes.first, len(before.labels)
    scale = PIXEL_SCALINGS[before.scaling]
    parts = (scale(images.x[start : min(start + PARITY_INPUTS, n)]) for start in range(0, n, PARITY_INPUTS))
    answers = [runtimes.answer(name, quantized.path, x) for x in parts]
    outputs = np.concatenate([answer.outputs for answer in answers])
    verify.note(f"{name}: {answers[0].module} {answers[0].version}, pixels {before.scaling}")
    if outputs.shape != before.probabilities.shape:
        raise CheckFailed(_other_shape(outputs, before.probabilities))
    return ImageSubject(outputs, images.y[:n], before.scaling)


def _flips(before: ImageSubject, after: ImageSubject) -> Mapping[str, int]:
    paired = paired_drop(before.right, after.right)
    return {
        "both_right": int((before.right & after.right).sum()),
        "both_wrong": int((~before.right & ~after.right).sum()),
        "lost": paired.lost,
        "gained": paired.gained,
        "changed": int((before.classes != after.classes).sum()),
    }


def _takes_images(model: TFLiteModel) -> bool:
    return bool(model.inputs) and tuple(model.inputs[0].shape[1:]) == (32, 32, 3)


def _is_weight(tensor: TFLiteTensor) -> bool:
    """Shapes and paddings are constants too, but integers wider than a weight."""
    return tensor.dtype in {"float32", "float16", "float64", "int8", "uint8", "int4", "int16"}


def _elements(tensor: TFLiteTensor) -> int:
    return int(np.prod(np.asarray(tensor.shape, dtype=object)))


def _tensor_row(tensor: TFLiteTensor) -> dict[str, Any]:
    small = "" if _elements(tensor) >= LARGE else f"under {LARGE:,} elements: stays as it is"
    return {
        "name": tensor.name,
        "shape": "×".join(map(str, tensor.shape)) or "scalar",
        "dtype": tensor.dtype,
        "elements": _elements(tensor),
        "bytes": tensor.nbytes,
        "note": small,
    }


def _size(found: Found) -> int:
    if found.path.is_file():
        return found.path.stat().st_size
    return sum(file.stat().st_size for file in found.path.rglob("*") if file.is_file())
