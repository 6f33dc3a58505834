"""Records as a run leaves them, made up: every series, and in :func:`troubled` every outcome."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from suites import records
from suites.records import Measurement, Records, Result
from tests.reports.sample_series import series

DATA = Path(__file__).parent / "data"


def measured(quantity: str, got: float, expected: float, limit: float, unit: str = "") -> Measurement:
    """Two values compared, and how far they may lie apart."""
    apart = abs(got - expected)
    return Measurement(
        quantity=quantity,
        measured=apart,
        criterion=f"≤ {limit:g} {unit}".rstrip(),
        ok=apart <= limit,
        got=got,
        expected=expected,
        limit=limit,
        margin=limit - apart,
        unit=unit,
        why="ends near the least-squares value",
    )


def changed(run: Records, changes: dict[str, dict[str, Any]], **header: Any) -> Records:
    """`run` with fields of some cells' results, and of the header, replaced."""
    results = [msgspec.structs.replace(result, **changes.get(result.cell, {})) for result in run.results]
    return Records(header=msgspec.structs.replace(run.header, **header), results=results, series=run.series)


def without(run: Records, cell: str) -> Records:
    """`run` with one result lost on the way; its header still expects it."""
    kept = [result for result in run.results if result.cell != cell]
    return Records(header=run.header, results=kept, series=run.series)


def bare(*results: Result) -> Records:
    """A run of these results alone, without series."""
    known = records.read(DATA / "reference.jsonl").header
    header = msgspec.structs.replace(known, expected=[result.cell for result in results])
    return Records(header=header, results=list(results), series=[])


def reference() -> Records:
    """Everything holds; transfer/accuracy is skipped and one runtime informs."""
    run = plain()
    return Records(header=run.header, results=run.results, series=series())


def plain() -> Records:
    """:func:`reference` without series: quick to render."""
    stored = records.read(DATA / "reference.jsonl")
    return Records(header=stored.header, results=stored.results, series=[])


def troubled() -> Records:
    """Every outcome occurs: failed, missing, errored, skipped, a known failure, one that is none any more."""
    changes: dict[str, dict[str, Any]] = {
        "linear/coefficient-agreement": {
            "outcome": "failed",
            "points": 0.0,
            "measurements": [
                measured("slope", 0.099651, 0.099214, 0.004, "price per sq ft"),
                measured("intercept", 249.62, 200.6355, 2.0, "price"),
            ],
            "message": "intercept = 249.62 against 200.64: 48.98 apart, should be ≤ 2 price",
            "hint": "Were all 10,000 houses used, and are both axes scaled back?",
        },
        "tuner/refit": {
            "outcome": "missing",
            "points": 0.0,
            "measurements": [],
            "message": "not found: looked for tuned_linear_regression_model.keras.",
        },
        "tflite/logistic-parity[litert]": {
            "outcome": "errored",
            "points": 0.0,
            "max_points": 0.0,
            "measurements": [],
            "message": "RuntimeError: the worker did not start",
        },
        "formats/round-trip": {
            "outcome": "xfailed",
            "message": "export traces gradients in TensorFlow 2.12 (tensorflow/tensorflow#1)",
        },
        "quantization/weights": {
            "outcome": "xpassed",
            "points": 0.0,
            "message": "expected to fail, but holds: conversion aborts",
        },
    }
    return changed(reference(), changes, implementation="submissions/anna")
