"""Saving: Keras, HDF5 and SavedModel hold the same model."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

import modelfiles
from suites.artefacts import KERAS_NAMES, Artefacts, Found, Missing
from suites.verify import Verify

LAB_NAMES = KERAS_NAMES["cnn"]
LABELS = {"keras": ".keras", "h5": ".h5", "weights-h5": ".h5", "savedmodel": "SavedModel"}
FIRST_ZIP = (2, 13)
"""The first Keras whose .keras is a zip archive; until then the same call wrote HDF5 under that name."""


def test_round_trip(artefacts: Artefacts, verify: Verify, series: Callable[..., None]) -> None:
    """The .keras, .h5 and SavedModel files hold bit for bit the same weights."""
    files = saved_formats(artefacts)
    if not files:
        raise Missing(f"not found: looked for {', '.join(LAB_NAMES)}, or any CNN in those formats.")
    held = {label: _arrays(found) for label, found in files.items()}
    for label, found in files.items():
        verify.note(f"{label}: {found.name}")
    absent = [label for label in (".keras", ".h5", "SavedModel") if label not in files]
    verify("formats", len(files), because=f": {' and '.join(absent)} not found" if absent else "")
    first, *others = held
    differing = {label: count_different(held[first], held[label]) for label in others}
    worst = max(differing.values(), default=0)
    which = ", ".join(f"{label} against {first}" for label, count in differing.items() if count)
    verify("different weights", worst, because=f": {which}" if which else "")
    reloaded = artefacts.evidence_or("formats").get("reloaded", {})
    for label, difference in reloaded.items():
        verify.note(f"{label} reloaded by its own library: outputs {difference:.2g} apart")
    if reloaded:
        verify("largest difference of outputs", max(reloaded.values()))
    series("formats", rows=[_row(label, found, differing.get(label, 0)) for label, found in files.items()])


def saved_formats(artefacts: Artefacts) -> dict[str, Found]:
    """The file of each format: under the lab's own name whatever it holds, else whatever is a CNN."""
    files: dict[str, Found] = {}
    named = [found for name in LAB_NAMES if (found := artefacts.named(name)) is not None]
    for found in (*named, *artefacts.candidates("cnn")):
        files.setdefault(_label(found), found)
    return {label: files[label] for label in (".keras", ".h5", "SavedModel") if label in files}


def _label(found: Found) -> str:
    """The format by content, but for what Keras 2.12 and older itself saves as .keras."""
    version = re.match(r"(\d+)\.(\d+)", found.keras.saved_by or "")
    old = version is not None and (int(version[1]), int(version[2])) < FIRST_ZIP
    return ".keras" if old and found.name.endswith(".keras") else LABELS[found.keras.format]


def count_different(ours: list[npt.NDArray[Any]], theirs: list[npt.NDArray[Any]]) -> int:
    """How many arrays of two lists, in order, differ in shape or in any bit (equal NaN are equal)."""
    unpaired = abs(len(ours) - len(theirs))
    pairs = zip(ours, theirs, strict=False)
    return unpaired + sum(not np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


def _arrays(found: Found) -> list[npt.NDArray[Any]]:
    """The weights in layer order; integers are the state of random generators, which some formats leave out."""
    weights = modelfiles.weights(found.keras_path).values()
    return [array for arrays in weights for array in arrays if array.dtype.kind == "f"]


def _row(label: str, found: Found, different: int) -> dict[str, Any]:
    path = found.path
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {
        "format": label,
        "file": found.name,
        "bytes": sum(file.stat().st_size for file in files),
        "parameters": found.keras.parameters,
        "saved_by": found.keras.saved_by,
        "equal": different == 0,
        "note": "; ".join(found.keras.warnings),
    }
