from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fixtures.legs import legs
from suites import records
from suites.records import Footer, Records
from tests.reports import sample
from tests.reports.sample_matrix import run
from tflab import leg_runs
from tflab.cli import tflab
from tflab.leg_runs import LegRun, State

STARTED = "2026-01-02T03:04:05+00:00"


def put(folder: Path, name: str, found: Records) -> Path:
    path = folder / f"{name}.jsonl"
    records.write(path, [found.header, *found.results, *found.series, Footer(results=len(found.results))])
    return path


def note(folder: Path, leg: str, state: State, reason: str = "") -> None:
    leg_runs.write(folder, LegRun(leg, state, STARTED, seconds=12.5, reason=reason))


def python(name: str) -> str:
    return f"{legs()[name].python}.7"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Whole records of every listed leg."""
    place = tmp_path / "matrix"
    place.mkdir()
    for name, leg in legs().items():
        put(place, name, run(leg.tensorflow.replace("*", "9"), python=python(name)))
    return place


def matrix(*arguments: str | Path, out: Path) -> Result:
    return CliRunner().invoke(tflab, ["matrix", *map(str, arguments), "--out", str(out)])


def row(result: Result, out: Path, name: str) -> str:
    """What the page says of one leg."""
    page = out.read_text()
    start = page.index(f'-{name}" aria-labelledby=')
    return page[start : page.index("</section>", start)]


def test_it_holds_where_every_listed_leg_is_whole(folder: Path, tmp_path: Path) -> None:
    out, summary = tmp_path / "matrix.html", tmp_path / "matrix.md"
    result = matrix(folder, "--markdown", summary, out=out)
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"PASS: The lab works on all {len(legs())} legs.")
    lines = summary.read_text().splitlines()
    assert sum(line.startswith(("| 2.1", "| 2.2")) and "✓ 4/4" in line for line in lines) == len(legs())


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        ("skipped", "no Python 3.13 here", "skipped</b>: no Python 3.13 here"),
        ("not installed", "error: gone", "not installed</b>: error: gone"),
        ("ended", "killed by SIGKILL after 9 s", "broke off</b>: killed by SIGKILL after 9 s"),
        ("ended", "", "broke off</b>: it ended and left no records"),
        ("running", "", f"broke off</b>: it ran (since {STARTED}) and never came to its end"),
        ("installing", "", "broke off</b>: it was being installed"),
        (None, "", "not run</b>: no records here: tox run -e py313-tf221"),
    ],
)
def test_a_leg_without_records_fails_the_matrix_with_the_reason(
    folder: Path, tmp_path: Path, state: State | None, reason: str, said: str
) -> None:
    (folder / "py313-tf221.jsonl").unlink()
    if state is not None:
        note(folder, "py313-tf221", state, reason)
    out = tmp_path / "matrix.html"
    result = matrix(folder, out=out)
    assert result.exit_code == 1
    assert said in row(result, out, "py313-tf221")


def test_truncated_records_are_unusable_and_the_notes_reason_is_told_too(folder: Path, tmp_path: Path) -> None:
    path = folder / "py311-tf216.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    note(folder, "py311-tf216", "ended", "killed by SIGTERM after 3 s")
    out = tmp_path / "matrix.html"
    result = matrix(folder, out=out)
    assert result.exit_code == 1
    said = row(result, out, "py311-tf216")
    assert "unusable" in said
    assert "py311-tf216.jsonl" in said
    assert "killed by SIGTERM after 3 s" in said


def test_whole_records_with_one_failure_fail_the_matrix(folder: Path, tmp_path: Path) -> None:
    found = run("2.17.1")
    changes = {"cnn/accuracy": {"outcome": "failed", "message": "accuracy = 0.1, should be ≥ 0.5"}}
    put(folder, "py311-tf217", sample.changed(found, changes))
    out = tmp_path / "matrix.html"
    result = matrix(folder, out=out)
    assert result.exit_code == 1
    assert "py311-tf217 fails" in result.output
    assert "accuracy = 0.1, should be" in row(result, out, "py311-tf217")


@pytest.mark.parametrize(
    ("tensorflow", "made_on", "said"),
    [
        ("2.21.0", "3.11.7", "tensorflow 2.21.0 where 2.17 was asked for"),
        ("2.170.0", "3.11.7", "tensorflow 2.170.0 where 2.17 was asked for"),
        ("2.17.1", "3.12.1", "python 3.12.1 where 3.11 was asked for"),
    ],
)
def test_records_of_another_version_do_not_count_for_the_leg(
    folder: Path, tmp_path: Path, tensorflow: str, made_on: str, said: str
) -> None:
    put(folder, "py311-tf217", run(tensorflow, python=made_on))
    out = tmp_path / "matrix.html"
    result = matrix(folder, out=out)
    assert result.exit_code == 1
    assert said in row(result, out, "py311-tf217")


def test_records_of_no_listed_leg_are_shown_as_unlisted(folder: Path, tmp_path: Path) -> None:
    put(folder, "py312-tf212", run("2.12.1", python="3.12.1"))
    out = tmp_path / "matrix.html"
    result = matrix(folder, out=out)
    assert result.exit_code == 0, result.output
    assert "not on the list" in row(result, out, "py312-tf212")


def test_only_names_the_legs_that_must_be_there(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        if path.stem not in ("py311-tf212", "py311-tf221"):
            path.unlink()
    out = tmp_path / "matrix.html"
    assert matrix(folder, out=out).exit_code == 1
    result = matrix(folder, "--only", "py311-tf212, py311-tf221", out=out)
    assert result.exit_code == 0, result.output
    assert "py311-tf216" not in out.read_text()


def test_files_are_taken_by_the_names_of_their_legs(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "matrix.html"
    files = [folder / f"{name}.jsonl" for name in legs()]
    assert matrix(*files, out=out).exit_code == 0
    assert matrix(*files[1:], out=out).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["absent"], "absent does not exist: run the legs first"),
        (["MATRIX", "--only", "tf213"], "no leg is called tf213: choose from py311-tf212"),
        (["MATRIX", "MATRIX/py311-tf212.jsonl"], "are both called py311-tf212"),
        ([], "Missing argument"),
    ],
)
def test_unusable_input_is_one_sentence(folder: Path, tmp_path: Path, arguments: list[str], sentence: str) -> None:
    out = tmp_path / "matrix.html"
    result = matrix(*(argument.replace("MATRIX", str(folder)) for argument in arguments), out=out)
    assert result.exit_code == 2
    assert sentence in result.output
    assert not out.exists()


NO_NOTES = [
    "",
    "[]",
    "{}",
    "\x00",
    '{"leg": "py311-tf212", "state": "well"}',
    '{"leg": "py311-tf213", "state": "ended", "reason": "it is another leg\'s"}',
]


@pytest.mark.parametrize("text", NO_NOTES, ids=range(len(NO_NOTES)))
def test_a_note_that_is_none_is_said_to_be_unusable(folder: Path, tmp_path: Path, text: str) -> None:
    (folder / "py311-tf212.jsonl").unlink()
    (folder / "py311-tf212.run.json").write_text(text)
    out = tmp_path / "matrix.html"
    assert matrix(folder, out=out).exit_code == 1
    assert "unusable" in row(matrix(folder, out=out), out, "py311-tf212")


def test_beginning_anew_removes_the_old_records(folder: Path) -> None:
    leg_runs.begin(folder, LegRun("py311-tf212", "running", STARTED))
    assert not (folder / "py311-tf212.jsonl").exists()
    assert leg_runs.read(folder, "py311-tf212") == LegRun("py311-tf212", "running", STARTED)
    assert leg_runs.read(folder, "py311-tf213") is None


def test_the_report_shows_the_matrix(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    arguments = ["report", str(folder / "py311-tf221.jsonl"), "--matrix", str(folder), "--out", str(out)]
    result = CliRunner().invoke(tflab, arguments)
    assert result.exit_code == 0, result.output
    assert out.read_text().count('class="outcomes matrix"') >= 2
