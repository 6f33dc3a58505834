"""Evidence is strict JSON, and a file is there whole or not at all."""

from __future__ import annotations

import errno
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from reference import evidence
from reference.evidence import Envelope, File, Line, Logistic

ENVELOPE = Envelope(
    section="linear",
    complete=True,
    settings={"seed": 42},
    inputs={},
    data=[],
    files={"model.keras": File(sha256="0" * 64, bytes=3)},
    environment={"tensorflow": "2.21.0", "cores": 2},
    seconds=1.5,
    peak_memory_bytes=7,
)


def refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")


def test_parts_become_one_object_of_strict_json() -> None:
    read = json.loads(evidence.encode(ENVELOPE, Line(0.1, 200.6)), parse_constant=refuse)
    assert read["section"] == "linear"
    assert read["slope"] == 0.1
    assert read["files"]["model.keras"] == {"sha256": "0" * 64, "bytes": 3}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_not_finite_is_refused(value: float) -> None:
    nested = Logistic(weights=[1.0, value], intercept=0.0, accuracy=0.5, confusion=[[1, 0], [0, 1]])
    with pytest.raises(ValueError, match="JSON compliant"):
        evidence.encode(ENVELOPE, nested)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "linear.json"
    evidence.write(path, evidence.encode(ENVELOPE, Line(0.1, 200.6)))
    assert evidence.read(path) == ENVELOPE


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"section": "linear"}', b"\xff"])
def test_what_is_no_evidence_reads_as_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "linear.json"
    path.write_bytes(content)
    assert evidence.read(path) is None
    assert evidence.read(tmp_path / "absent.json") is None


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "linear.json"
    evidence.write(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        evidence.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["linear.json"]
