"""tox itself, on this project's configuration, and on a small project whose legs go wrong in every way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixtures.legs import legs

pytest.importorskip("tox", reason="tox is not installed here")

ROOT = Path(__file__).parent.parent
TODAY_PYTHON = f"py{sys.version_info.major}{sys.version_info.minor}"
PARTS = ("toxfile.py", "fixtures/legs.py", "fixtures/__init__.py", "tflab/leg_runs.py", "tflab/__init__.py")
LEGS = """
[{py}-tf212]
tensorflow = "2.12.1"
[{py}-tf213]
tensorflow = "2.13.1"
[{py}-tf214]
tensorflow = "2.14.1"
[{py}-tf215]
tensorflow = "2.15.1"
[{py}-tf216]
tensorflow = "2.16.2"
[py399-tf217]
tensorflow = "2.17.1"
[py399-tf217-today]
tensorflow = "2.17.*"
"""
TOX_INI = """
[tox]
skip_missing_interpreters = true
[testenv]
package = skip
uv_python_preference = only-system
[leg]
commands =
    tf212: python -c "print('all holds')"
    tf214: python -c "import os, sys; print('LLVM ERROR', file=sys.stderr, flush=True); os.abort()"
    tf215: python -c "import time; print('ready', flush=True); time.sleep(600)"
    tf216: python -c "raise SystemExit(1)"
"""


def tox(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    outer = {name: value for name, value in os.environ.items() if not name.startswith("TOX")}
    return subprocess.run(
        [sys.executable, "-m", "tox", *arguments],
        cwd=folder,
        env=outer,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with this toxfile and seven legs: one lock names what is nowhere, no machine has Python 3.99."""
    folder = tmp_path_factory.mktemp("project")
    for name in (
        "toxfile.py",
        "fixtures/legs.py",
        "fixtures/__init__.py",
        "tflab/leg_runs.py",
        "tflab/__init__.py",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "fixtures/legs.toml").write_text(LEGS.format(py=TODAY_PYTHON))
    (folder / "tox.ini").write_text(TOX_INI)
    (folder / "requirements/legs").mkdir(parents=True)
    (folder / "requirements/lab.in").touch()
    for minor in (212, 213, 214, 215, 216):
        lock = folder / f"requirements/legs/{TODAY_PYTHON}-tf{minor}.txt"
        lock.write_text("./nowhere\n" if minor == 213 else "")
    return folder


def note(project: Path, leg: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / "out/matrix" / f"{leg}.run.json").read_text())
    return found


def leave_old_records(project: Path, leg: str) -> Path:
    records = project / "out/matrix" / f"{leg}.jsonl"
    records.parent.mkdir(parents=True, exist_ok=True)
    records.write_text("an earlier run's")
    return records


def test_what_toxs_own_python_imports_is_the_standard_library_alone() -> None:
    code = "import fixtures.legs, tflab.leg_runs"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_tox_knows_the_legs_of_the_list_and_no_others() -> None:
    listed = tox(ROOT, "list", "--no-desc", "-q").stdout.split()
    assert [name for name in listed if name.startswith("py3")] == list(legs())


@pytest.mark.parametrize("name", ["tf213", "py311", "py312-tf212", "py311-tf217-today", "tf213-today"])
def test_a_name_that_is_no_legs_is_refused_with_a_sentence(name: str) -> None:
    done = tox(ROOT, "run", "--notest", "-e", name)
    assert done.returncode != 0
    assert f"{name} is no leg of the TensorFlow matrix: choose from py311-tf212" in done.stdout + done.stderr


def test_a_leg_has_its_python_its_lock_and_a_folder_of_its_own() -> None:
    said = tox(
        ROOT, "config", "-e", "py312-tf221", "-k", "base_python", "deps", "commands", "pass_env", "labels"
    ).stdout
    assert "base_python = python3.12" in said
    assert "requirements/legs/py312-tf221.txt" in said
    assert "--artefacts out/matrix/py312-tf221 --records out/matrix/py312-tf221.jsonl" in said
    assert "TF_*" in said
    assert "labels = matrix" in said


def test_a_leg_of_today_is_resolved_by_pip_from_what_the_lab_needs() -> None:
    said = tox(ROOT, "config", "-e", "py311-tf215-today", "-k", "runner", "deps", "recreate").stdout
    assert "runner = virtualenv" in said
    assert "recreate = True" in said
    assert "-r requirements/lab.in" in said
    assert "tensorflow-cpu==2.15.*" in said
    assert ".txt" not in said


@pytest.mark.parametrize(("minor", "status"), [(212, 0), (216, 1)])
def test_a_leg_that_ends_says_so_whatever_its_checks_say(project: Path, minor: int, status: int) -> None:
    leg = f"{TODAY_PYTHON}-tf{minor}"
    old = leave_old_records(project, leg)
    assert tox(project, "run", "-e", leg).returncode == status
    found = note(project, leg)
    assert (found["state"], found["reason"]) == ("ended", "")
    assert found["seconds"] >= 0
    assert not old.exists()


def test_a_leg_that_cannot_be_installed_leaves_the_installers_words(project: Path) -> None:
    leg = f"{TODAY_PYTHON}-tf213"
    old = leave_old_records(project, leg)
    assert tox(project, "run", "-e", leg).returncode != 0
    found = note(project, leg)
    assert found["state"] == "not installed"
    assert "nowhere" in found["reason"]
    assert "exit_code" not in found["reason"]  # what stands above it are variables, which are nobody's business
    assert not old.exists()


def test_a_leg_that_aborts_leaves_the_signal_and_its_last_words(project: Path) -> None:
    leg = f"{TODAY_PYTHON}-tf214"
    assert tox(project, "run", "-e", leg).returncode != 0
    found = note(project, leg)
    assert found["state"] == "ended"
    assert found["reason"].startswith("killed by SIGABRT after ")
    assert found["reason"].endswith(": LLVM ERROR")


def test_a_leg_whose_tox_is_killed_stays_unfinished(project: Path) -> None:
    leg = f"{TODAY_PYTHON}-tf215"
    old = leave_old_records(project, leg)
    outer = {name: value for name, value in os.environ.items() if not name.startswith("TOX")}
    process = subprocess.Popen(
        [sys.executable, "-m", "tox", "run", "-e", leg],
        cwd=project,
        env=outer,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        assert any("ready" in line for line in process.stdout)
        os.killpg(process.pid, signal.SIGKILL)
    assert note(project, leg)["state"] == "running"
    assert not old.exists()


@pytest.mark.parametrize("leg", ["py399-tf217", "py399-tf217-today"])
def test_a_leg_without_its_python_says_so(project: Path, leg: str) -> None:
    old = leave_old_records(project, leg)
    tox(project, "run", "-e", leg)
    found = note(project, leg)
    assert (found["state"], found["reason"]) == ("skipped", "no Python 3.99 here")
    assert not old.exists()


def test_making_ready_without_running_leaves_no_note(project: Path) -> None:
    leg = f"{TODAY_PYTHON}-tf212"
    (project / "out/matrix" / f"{leg}.run.json").unlink(missing_ok=True)
    assert tox(project, "run", "--notest", "-e", leg).returncode == 0
    assert not (project / "out/matrix" / f"{leg}.run.json").exists()
