"""Legs of a matrix, made up: whole ones, and one for each way of having no records."""

from __future__ import annotations

from typing import Any

import msgspec

from reports.matrix import Leg
from suites.records import Records, Series
from tests.reports import sample

CNN = (("float32", ""), ("float16", "_float16"), ("dynamic range", "_quantized"), ("full int8", "_int8"))
FILES = [(kind, f"cifar10_cnn_model{ending}.tflite") for kind, ending in CNN]
REFUSED = "Didn't find op for builtin opcode 'FULLY_CONNECTED' version '12'"


def support(runtime: str, version: str, refused: str | None = None) -> Series:
    """What a runtime made of the CNN's files; `refused` is the kind that it does not open."""
    files: list[dict[str, Any]] = [
        {"file": file, "kind": kind, "outcome": "refused", "reason": REFUSED}
        if kind == refused
        else {"file": file, "kind": kind, "outcome": "runs", "largest_difference": 2.1e-6, "top1_agreement": 0.998}
        for kind, file in FILES
    ]
    return Series(
        check="quantization/runtime-support",
        name="support",
        variant=runtime,
        data={"files": files, "version": version, "informs": runtime == "tflite-runtime"},
    )


def run(tensorflow: str, *, keras: str = "3.15.1", python: str = "3.11.7", refused: str | None = None) -> Records:
    """A run in which everything holds, as a leg leaves it."""
    seen = sample.reference()
    environment = {**seen.header.environment, "tensorflow": tensorflow, "keras": keras, "python": python}
    return Records(
        header=msgspec.structs.replace(seen.header, environment=environment),
        results=seen.results,
        series=[
            support("ai-edge-litert", "ai_edge_litert 2.3.0"),
            support("tflite-runtime", "tflite_runtime 2.14.0", refused),
        ],
    )


def whole() -> list[Leg]:
    """Two legs that hold."""
    return [
        Leg("py311-tf212", "2.12.1", "3.11", run=run("2.12.1", keras="2.12.0"), seconds=78.2),
        Leg("py311-tf221", "2.21.0", "3.11", run=run("2.21.0", refused="dynamic range"), seconds=61.0),
    ]


def troubled() -> list[Leg]:
    """Every way of not holding, beside one leg that does."""
    failing = sample.troubled()
    return [
        *whole(),
        Leg("py311-tf216", "2.16.2", "3.11", trouble="broke off", reason="killed by SIGABRT after 9 s: LLVM"),
        Leg("py311-tf213", "2.13.1", "3.11", trouble="not installed", reason="error: no such distribution"),
        Leg("py313-tf221", "2.21.0", "3.13", trouble="skipped", reason="no Python 3.13 here"),
        Leg("py311-tf217", "2.17.1", "3.11", run=failing),
        Leg("py311-tf218", "2.18.1", "3.11", run=sample.without(sample.reference(), "cnn/accuracy")),
        Leg("py311-tf219", "2.19.1", "3.11", trouble="unusable", reason="a.jsonl: the footer is missing."),
        Leg("py311-tf220", "2.20.0", "3.11", reason="no records here: tox run -e py311-tf220"),
        Leg("py311-tf221-today", "2.21.*", "3.11", today=True, run=run("2.21.1")),
        Leg("mine", "2.21.0", "3.12", run=run("2.21.0", python="3.12.1"), listed=False),
    ]
