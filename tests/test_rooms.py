"""Who may import whom, and that judging never drags TensorFlow in."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("fixtures", "modelfiles", "reference", "reports", "suites", "tflab")
MAY_IMPORT = {
    "fixtures": set(),
    "modelfiles": set(),
    "reference": {"fixtures"},
    "suites": {"fixtures", "modelfiles"},
    "reports": {"suites.records", "suites.specification", "suites.criteria", "suites.score"},
    "tflab": set(ROOMS),
}
HEAVY = ("tensorflow", "keras", "sklearn", "keras_tuner", "matplotlib.pyplot", "pandas")
MAY_NEED_TENSORFLOW = {"reference", "suites/bench"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_they_may(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room}
    for path in modules(room):
        if path.name.startswith("bench_"):
            continue  # benchmarks time the reference beside the lab's own way
        for name in imports(path):
            other = name.split(".")[0]
            if other in ROOMS and other != room:
                permitted = any(name == a or name.startswith(f"{a}.") or a.startswith(f"{name}.") for a in allowed)
                assert permitted, f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "reference"])
def test_rooms_import_without_tensorflow(room: str) -> None:
    """Importing every module of a room imports no library that takes seconds to import."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in modules(room)
        if not path.name.startswith(("bench_", "__")) and path.name not in {"conftest.py", "lab_notebook.py"}
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_help_imports_no_command() -> None:
    code = (
        "import sys; sys.argv = ['tflab', '--help']\n"
        "from tflab.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "slow = {'numpy', 'pytest', 'tensorflow', 'rich', 'h5py', 'jinja2'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("reference", "check", "report", "inspect"):
        assert name in done.stdout


def test_nothing_names_a_machine() -> None:
    """No absolute path of a machine and no package index in anything that is tracked."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, cwd=ROOT, check=True).stdout
    forbidden = (b"/wo" + b"rk/", b"files.python" + b"hosted", b" --index" + b"-url")
    for name in filter(None, listed.decode().split("\0")):
        path = ROOT / name
        if path.is_file():
            content = path.read_bytes()
            assert not [word for word in forbidden if word in content], name
