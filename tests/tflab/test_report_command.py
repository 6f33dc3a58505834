from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from suites import records
from suites.records import Footer, Records
from tests.reports import sample
from tests.reports.sample_benchmarks import benchmarks
from tflab.report_command import report_command


def stored(path: Path, run: Records) -> str:
    records.write(path, [run.header, *run.results, *run.series, Footer(results=len(run.results))])
    return str(path)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(report_command, arguments)


def test_it_writes_what_was_asked_for(tmp_path: Path) -> None:
    source = stored(tmp_path / "records.jsonl", sample.plain())
    timings = tmp_path / "benchmarks.json"
    timings.write_text(json.dumps(benchmarks()))
    wanted = {
        option: tmp_path / "out" / name
        for option, name in (("--out", "r.html"), ("--junit", "r.xml"), ("--markdown", "r.md"))
    }
    result = call(source, "--benchmarks", str(timings), *(str(part) for pair in wanted.items() for part in pair))
    assert result.exit_code == 0, result.output
    assert "PASS: 25 of 26 checks hold" in result.output
    beginnings = {"--out": "<!DOCTYPE html>", "--junit": "<?xml", "--markdown": "# PASS"}
    for option, path in wanted.items():
        assert path.read_text(encoding="utf-8").startswith(beginnings[option])
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_failed_run_is_reported_all_the_same(tmp_path: Path) -> None:
    result = call(stored(tmp_path / "r.jsonl", sample.troubled()), "--out", str(tmp_path / "r.html"))
    assert result.exit_code == 0
    assert result.output.startswith("FAIL: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "empty"), ("size,price\n1,2\n", "line 1"), ('{"kind":"footer","results":0}\n', "no header")],
)
def test_unusable_records_are_refused_in_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    source = tmp_path / "records.jsonl"
    source.write_text(content)
    result = call(str(source), "--out", str(tmp_path / "r.html"))
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "r.html").exists()


def test_unusable_benchmarks_and_targets_are_refused(tmp_path: Path) -> None:
    source = stored(tmp_path / "records.jsonl", sample.plain())
    assert call(source, "--out", str(tmp_path / "r.html"), "--benchmarks", source).exit_code == 2
    occupied = tmp_path / "file"
    occupied.write_text("")
    result = call(source, "--out", str(occupied / "r.html"))
    assert result.exit_code == 2
    assert "cannot write it" in result.output
    assert call("--out", str(tmp_path / "r.html")).exit_code == 2
    assert call(str(tmp_path / "absent.jsonl"), "--out", str(tmp_path / "r.html")).exit_code == 2
