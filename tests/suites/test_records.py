"""Records: whole or refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites import records
from suites.records import Footer, Header, Measurement, Record, Result, Series

HEADER = Header(tflab="0", created="2026-01-01T00:00:00+00:00", implementation="x", seed=1, command="y",
                expected=["linear/architecture"])  # fmt: skip
RESULT = Result(check="linear/architecture", outcome="passed", points=3, max_points=3,
                measurements=[Measurement(quantity="n", measured=2, criterion="= 2", ok=True)])  # fmt: skip


def write(path: Path, lines: list[Record]) -> Path:
    path.write_bytes(b"".join(records.encode(line) for line in lines))
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    series = Series(check="linear/architecture", name="fit", data={"x": [1, 2]})
    records.write(tmp_path / "r.jsonl", [HEADER, RESULT, series, Footer(results=1)])
    found = records.read(tmp_path / "r.jsonl")
    assert (found.header, found.results, found.series) == (HEADER, [RESULT], [series])
    assert found.find_series("linear/architecture:fit") == {"x": [1, 2]}
    assert [path.name for path in tmp_path.iterdir()] == ["r.jsonl"]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "empty"),
        ([HEADER, RESULT], "footer is missing"),
        ([HEADER, Footer(results=1)], "counts 1 results and 0"),
        ([HEADER, Footer(results=0)], "no result for linear/architecture"),
        ([RESULT, Footer(results=1)], "no header"),
    ],
)
def test_what_is_not_whole_is_refused(tmp_path: Path, lines: list[Record], sentence: str) -> None:
    with pytest.raises(records.RecordsError, match=sentence):
        records.read(write(tmp_path / "r.jsonl", lines))


def test_a_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "r.jsonl", [HEADER, RESULT, Footer(results=1)]).read_bytes()
    for cut in range(len(whole) - 1):
        (tmp_path / "cut.jsonl").write_bytes(whole[:cut])
        with pytest.raises(records.RecordsError):
            records.read(tmp_path / "cut.jsonl")


def test_another_schema_is_refused(tmp_path: Path) -> None:
    newer = Header(**{**{f: getattr(HEADER, f) for f in HEADER.__struct_fields__}, "schema": 2})
    with pytest.raises(records.RecordsError, match="schema 2"):
        records.read(write(tmp_path / "r.jsonl", [newer, RESULT, Footer(results=1)]))


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(records.RecordsError, match="No such file"):
        records.read(tmp_path / "absent.jsonl")


@given(st.floats() | st.lists(st.floats()))
def test_every_line_is_strict_json(value: object) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    line = records.encode(Series(check="a/b", name="n", data={"v": value}))
    json.loads(line, parse_constant=refuse)


def test_nan_becomes_null() -> None:
    assert b'"v":null' in records.encode(Series(check="a/b", name="n", data={"v": math.nan}))


def test_a_disk_that_fills_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.jsonl"
    records.write(path, [HEADER, RESULT, Footer(results=1)])
    before = path.read_bytes()

    def full(self: Path, data: bytes) -> int:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        records.write(path, [HEADER, Footer(results=0)])
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["r.jsonl"]
