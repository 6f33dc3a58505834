"""What comes out of the converter is what was asked for, whatever the names of its attributes may be."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference import quantization

Interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter


def described(path: Path) -> tuple[np.dtype[Any], np.dtype[Any], set[str]]:
    """dtypes of input and output, and of all constants of 1,024 elements or more that hold weights."""
    interpreter = Interpreter(model_content=path.read_bytes())
    constants = {
        np.dtype(tensor["dtype"]).name
        for tensor in interpreter.get_tensor_details()
        if np.prod(tensor["shape"]) in (3 * 3 * 32 * 64, 2_304 * 64)
        and not tensor["name"].startswith("StatefulPartitionedCall")
    }
    return interpreter.get_input_details()[0]["dtype"], interpreter.get_output_details()[0]["dtype"], constants


@pytest.mark.parametrize(
    ("mode", "ends", "weights"),
    [
        ("float", np.float32, {"float32"}),
        ("dynamic", np.float32, {"int8"}),
        ("float16", np.float32, {"float16"}),
        ("int8", np.int8, {"int8"}),
    ],
)
def test_precision_of_ends_and_weights(
    short_reference: Path, mode: str, ends: type[np.generic], weights: set[str]
) -> None:
    first, last, constants = described(short_reference / quantization.FILES[mode])
    assert (first, last) == (ends, ends)
    assert weights <= constants
    assert constants <= weights | {"float32"}
    if mode in ("dynamic", "int8"):
        assert constants == {"int8"}


def serve(*requests: dict[str, Any]) -> list[dict[str, Any]]:
    from reference import convert

    answers = io.BytesIO()
    convert.serve(io.BytesIO(b"".join(json.dumps(r).encode() + b"\n" for r in requests)), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_a_refusal_is_answered_and_leaves_no_file(short_reference: Path, tmp_path: Path) -> None:
    model = str(short_reference / "logistic_regression_model.keras")
    request = {"source": model, "target": str(tmp_path / "a.tflite"), "scratch": str(tmp_path)}
    unknown, unranged, unreadable, fine = serve(
        {**request, "mode": "int4"},
        {**request, "mode": "int8"},
        {**request, "mode": "float", "source": str(tmp_path / "absent.keras")},
        {**request, "mode": "float", "target": str(tmp_path / "b.tflite")},
    )
    assert unknown["error"] == "ValueError: no such mode: int4"
    assert unranged["error"] == "ValueError: int8 needs representative rows"
    assert "absent.keras" in unreadable["error"]
    assert fine["bytes"] == (tmp_path / "b.tflite").stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["b.tflite"]
