"""What comes out of the converter is what was asked for, whatever the names of its attributes may be."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import modelfiles
from modelfiles.description import TFLiteModel


@pytest.mark.parametrize(
    ("mode", "ends", "weights"),
    [
        ("float", "float32", "float32"),
        ("dynamic", "float32", "int8"),
        ("float16", "float32", "float16"),
        ("int8", "int8", "int8"),
    ],
)
def test_precision_of_inputs_outputs_and_weights(short_reference: Path, mode: str, ends: str, weights: str) -> None:
    from reference.quantization import FILES

    model = modelfiles.describe(short_reference / FILES[mode])
    assert isinstance(model, TFLiteModel)
    assert [end.dtype for end in (*model.inputs, *model.outputs)] == [ends, ends]
    large = [tensor for tensor in model.tensors if tensor.constant and math.prod(tensor.shape) >= 1_024]
    assert [tensor.dtype for tensor in large] == [weights, weights]


def serve(*requests: dict[str, Any]) -> list[dict[str, Any]]:
    from reference import convert

    answers = io.BytesIO()
    convert.serve(io.BytesIO(b"".join(json.dumps(r).encode() + b"\n" for r in requests)), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_a_refusal_is_answered_and_leaves_no_file(short_reference: Path, tmp_path: Path) -> None:
    model = str(short_reference / "logistic_regression_model.keras")
    request = {"source": model, "target": str(tmp_path / "a.tflite"), "scratch": str(tmp_path)}
    np.save(tmp_path / "five_features.npy", np.ones((4, 5), np.float32))
    unknown, unranged, unfit, unreadable, fine = serve(
        {**request, "mode": "int4"},
        {**request, "mode": "int8"},
        {**request, "mode": "int8", "rows": str(tmp_path / "five_features.npy")},
        {**request, "mode": "float", "source": str(tmp_path / "absent.keras")},
        {**request, "mode": "float", "target": str(tmp_path / "b.tflite")},
    )
    assert unknown["error"] == "ValueError: no such mode: int4"
    assert unranged["error"] == "ValueError: int8 needs representative rows"
    assert "error" in unfit, "the converter itself refuses rows of another shape"
    assert "absent.keras" in unreadable["error"]
    assert fine["bytes"] == (tmp_path / "b.tflite").stat().st_size
    assert {path.name for path in tmp_path.iterdir()} == {"b.tflite", "five_features.npy"}
