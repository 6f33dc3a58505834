"""The plugin: unusable input stops the run, known failures are strict, silence never passes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from suites import records
from suites.records import Records

ROOT = Path(__file__).parent.parent.parent
KNOWN = """
[[failure]]
check = "{check}"
tensorflow = ">=2.10"
reason = "the closed form is not what this version computes"
upstream = "example/repository#1"
"""


def pytest_suites(*arguments: str | Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "suites", "-q", "-p", "no:cacheprovider", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture(scope="session")
def linear_folder(reference_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The linear section alone, with its evidence."""
    folder = tmp_path_factory.mktemp("linear")
    (folder / "evidence").mkdir()
    for name in (
        "tf_simple_linear_regression_model.keras",
        "simple_linear_regression_model.tflite",
        "evidence/linear.json",
        "evidence/manifest.json",
    ):
        os.link(reference_folder / name, folder / name)
    return folder


def judged(folder: Path, tmp_path: Path, *arguments: str | Path) -> tuple[int, Records]:
    path = tmp_path / "records.jsonl"
    done = pytest_suites("--artefacts", folder, "--records", path, *arguments)
    return done.returncode, records.read(path)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "nothing to judge: give --artefacts DIR"),
        (["--artefacts", "absent"], "absent is no folder"),
        (["--artefacts", "EMPTY"], "is empty: there is nothing to judge"),
        (["--artefacts", "tests", "--runtime", "nonsense"], "give NAME=PYTHON"),
        (["--artefacts", "tests", "--expected-failures", "absent.toml"], "absent.toml"),
        (["--artefacts", "tests", "--cifar10", "README.md"], "is text, not CIFAR-10"),
        (["--artefacts", "tests", "--records", "README.md/records.jsonl"], "cannot write the records"),
    ],
)
def test_unusable_input_is_one_sentence(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = pytest_suites(*(str(tmp_path / "empty") if a == "EMPTY" else a for a in arguments))
    assert done.returncode == 4
    assert sentence in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_known_failure_that_fails_is_expected(linear_folder: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    known.write_text(KNOWN.format(check="linear/normal-equation"))
    evidence = (linear_folder / "evidence/linear.json").read_text()
    spoilt = tmp_path / "spoilt"
    (spoilt / "evidence").mkdir(parents=True)
    for name in ("tf_simple_linear_regression_model.keras", "evidence/manifest.json"):
        os.link(linear_folder / name, spoilt / name)
    (spoilt / "evidence/linear.json").write_text(evidence.replace('"slope": 0.1', '"slope": 0.3', 1))
    status, found = judged(spoilt, tmp_path, "-k", "normal_equation", "--expected-failures", known)
    assert [r.outcome for r in found.results] == ["xfailed"]
    assert found.results[0].message.endswith("(example/repository#1)")
    assert status == 0


def test_a_known_failure_that_holds_again_is_an_error(linear_folder: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    known.write_text(KNOWN.format(check="linear/normal-equation"))
    status, found = judged(linear_folder, tmp_path, "-k", "normal_equation", "--expected-failures", known)
    assert [r.outcome for r in found.results] == ["xpassed"]
    assert status == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (KNOWN.format(check="linear/curvature"), "linear/curvature matches no check"),
        (KNOWN.format(check="linear/architecture").replace(">=2.10", "two"), "linear/architecture"),
        ("[[failure]]\nheck = 1\n", "known.toml"),
        ("[[", "known.toml"),
    ],
)
def test_a_list_of_known_failures_is_checked(
    content: str, sentence: str, linear_folder: Path, tmp_path: Path
) -> None:
    known = tmp_path / "known.toml"
    known.write_text(content)
    done = pytest_suites("--artefacts", linear_folder, "-k", "linear", "--expected-failures", known)
    assert done.returncode == 4
    assert sentence in done.stderr + done.stdout


def test_a_run_that_stops_at_the_first_failure_is_not_whole(linear_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    done = pytest_suites("--artefacts", linear_folder, "--records", path, "-x", "-k", "tuner or logistic")
    assert done.returncode == 1
    with pytest.raises(records.RecordsError, match="no result for"):
        records.read(path)


def test_processes_in_parallel_leave_the_same_records(linear_folder: Path, tmp_path: Path) -> None:
    """Under xdist only the controller writes; outcomes and measurements are those of one process."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    _, alone = judged(linear_folder, tmp_path / "one", "-k", "linear and not parity")
    _, shared = judged(linear_folder, tmp_path / "two", "-k", "linear and not parity", "-n", "2")
    kept = [(r.cell, r.outcome, r.measurements) for r in alone.results]
    assert sorted(kept, key=str) == sorted(((r.cell, r.outcome, r.measurements) for r in shared.results), key=str)


def heed_interrupts() -> None:
    """A shell starts its background jobs with SIGINT ignored, and a child inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_run_leaves_no_records(reference_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    command = [sys.executable, "-m", "pytest", "suites", "--artefacts", reference_folder, "--records", path]
    path.write_text("an earlier run's\n")
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=heed_interrupts
    ) as process:
        for _ in range(1200):
            if not path.exists():
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 2
    assert list(tmp_path.iterdir()) == []


def test_the_header_says_what_was_judged_and_where(linear_folder: Path, tmp_path: Path) -> None:
    _, found = judged(linear_folder, tmp_path, "-k", "linear")
    header = found.header
    assert header.implementation == str(linear_folder)
    assert header.environment["tensorflow"] == "2.21.0"
    assert {data.name for data in header.data} >= {"five houses", "ten thousand houses"}
    assert all(len(data.digest) == 64 for data in header.data)
    assert header.runtimes["ai-edge-litert"].startswith("ai_edge_litert ")
    assert header.expected == [result.cell for result in found.results]
    assert "--artefacts" in header.command
