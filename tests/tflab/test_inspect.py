"""`tflab inspect` as a command: what goes to which stream, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tflab.inspect_command import inspect_command

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "modelfiles" / "data"
MODELS = sorted(
    path
    for path in DATA.rglob("*")
    if path.suffix in {".tflite", ".keras", ".h5"} or (path.is_dir() and (path / "saved_model.pb").exists())
)


def run(*arguments: str | Path, width: int = 80) -> tuple[int, str, str]:
    result = CliRunner(env={"COLUMNS": str(width)}).invoke(inspect_command, [str(a) for a in arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("path", MODELS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_kept_model_is_told(path: Path) -> None:
    code, out, err = run(path, "--json")
    assert (code, err) == (0, "")
    data = json.loads(out)
    assert data["path"] == str(path)
    assert data["parameters"] >= 0
    code, out, err = run(path)
    assert (code, err) == (0, "")
    assert path.name in out.replace("\n", "")
    assert f"{data['parameters']:,}" in out


def test_the_name_of_a_file_decides_nothing(tmp_path: Path) -> None:
    disguised = tmp_path / "model.keras"
    disguised.write_bytes((DATA / "tflite" / "float32.tflite").read_bytes())
    assert json.loads(run(disguised, "--json")[1])["format"] == "tflite"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"area,price\n100,210\n", "neither a .keras"),
        ((DATA / "tflite" / "float32.tflite").read_bytes()[:1000], "truncated: 1,000 of "),
    ],
)
@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_unusable_input_is_one_sentence_and_exit_code_2(
    tmp_path: Path, content: bytes, sentence: str, flags: tuple[str, ...]
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    code, out, err = run(path, *flags)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.startswith("Error: ")
    assert err.count("\n") == 1


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    code, out, err = run(tmp_path / "none.keras")
    assert (code, out) == (2, "")
    assert "none.keras" in err


def test_a_file_name_cannot_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "\x1b[2Jmodel.tflite"
    path.write_bytes(b"nothing")
    assert "\x1b" not in run(path)[2]
    path.write_bytes((DATA / "tflite" / "float32.tflite").read_bytes())
    assert "\x1b" not in run(path)[1]
    assert json.loads(run(path, "--json")[1])["path"] == str(path)


def test_inspecting_needs_neither_tensorflow_nor_an_interpreter() -> None:
    path = DATA / "tflite" / "dynamic.tflite"
    code = (
        f"import sys; sys.argv = ['tflab', 'inspect', {str(path)!r}]\n"
        "from tflab.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code in (0, None), end.code\n"
        "slow = {'tensorflow', 'keras', 'ai_edge_litert', 'tflite', 'flatbuffers', 'h5py', 'sklearn'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "dynamic range" in done.stdout
