from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fixtures.legs import legs
from requirements.lock import locks

ROOT = Path(__file__).parent.parent
FAKE_UV = """#!{python}
import sys, pathlib
given = sys.stdin.read()
if "2.13.1" in given:
    sys.exit("no such version")
with pathlib.Path({log!r}).open("a") as log:
    log.write(" ".join(sys.argv[1:]) + " <- " + given.replace(chr(10), ",") + chr(10))
"""


def lock(tmp_path: Path, *names: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the command with a uv that writes down what it is asked for."""
    log = tmp_path / "asked"
    uv = tmp_path / "uv"
    uv.write_text(FAKE_UV.format(python=sys.executable, log=str(log)))
    uv.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "requirements.lock", *names],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, log.read_text().splitlines() if log.exists() else []


def test_every_lock_file_has_a_command_that_renews_it() -> None:
    there = {path.relative_to(ROOT / "requirements").as_posix() for path in (ROOT / "requirements").rglob("*.txt")}
    assert {found.target for found in locks().values()} == there


def test_a_leg_is_compiled_for_its_python_and_its_tensorflow_without_any_address(tmp_path: Path) -> None:
    done, [asked] = lock(tmp_path, "py311-tf214")
    assert done.returncode == 0, done.stderr
    for part in (
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--python-version 3.11",
        "--output-file legs/py311-tf214.txt",
        "<- tensorflow-cpu==2.14.1,numpy<2",
    ):
        assert part in asked


def test_without_names_all_are_renewed_and_one_that_fails_is_named(tmp_path: Path) -> None:
    done, asked = lock(tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "not renewed: py311-tf213; the reason stands above."
    assert len(asked) == len(locks()) - 1


def test_an_unknown_name_is_refused_before_anything_is_renewed(tmp_path: Path) -> None:
    done, asked = lock(tmp_path, "py311-tf214", "nonsense")
    assert (done.returncode, asked) == (2, [])
    assert "no lock is called nonsense" in done.stderr


def test_a_leg_of_today_has_no_lock() -> None:
    assert not {leg.name for leg in legs().values() if leg.today} & set(locks())
