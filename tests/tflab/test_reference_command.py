"""`tflab reference`: one sentence for every wrong input, plain lines without a terminal, Ctrl-C at any time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reference.evidence import Conversion
from reference.produce import Produced
from reference.settings import Settings
from tflab import reference_command as module
from tflab.reference_command import load_images, reference_command

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-c", "from tflab.cli import main; main()", "reference"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `produce` is asked for, instead of doing it; `asked["answer"]` is what it gives."""
    seen: dict[str, Any] = {"answer": Produced()}

    def produce(out: Path, **arguments: Any) -> Produced:
        seen.update(arguments, out=out)
        return seen["answer"]  # type: ignore[no-any-return]

    monkeypatch.setattr("reference.produce.produce", produce)
    return seen


def run(*arguments: str) -> Any:
    return CliRunner().invoke(reference_command, arguments, standalone_mode=False)


def test_options_become_settings(asked: dict[str, Any], tmp_path: Path) -> None:
    result = run(
        "--out", str(tmp_path), "--seed", "7", "--epochs", "2", "--sections", "cnn, formats", "--threads", "1"
    )
    assert result.return_value == 0
    assert asked["out"] == tmp_path
    assert asked["sections"] == ["cnn", "formats"]
    assert asked["settings"] == Settings(seed=7, image_epochs=2, threads=1)
    assert asked["images"] is None, "the embedded ones, made only if a section needs them"


def test_a_failed_conversion_is_told_and_exits_with_1(asked: dict[str, Any], tmp_path: Path) -> None:
    asked["answer"] = Produced(
        failed_conversions=[
            Conversion(
                file="a.tflite",
                source="a.keras",
                mode="float",
                outcome="crashed",
                seconds=1.0,
                error="the converter's process was ended by SIGABRT",
            )
        ]
    )
    result = run("--out", str(tmp_path))
    assert result.return_value == 1
    assert (
        "a.tflite could not be converted (crashed): the converter's process was ended by SIGABRT" in result.output
    )


def test_sizes_of_image_sets(tmp_path: Path) -> None:
    images, _ = load_images(None, 60, None, download=False)
    assert images is not None
    assert (len(images.x_train), len(images.x_validation), len(images.x_test)) == (60, 10, 2_000)
    images, _ = load_images(None, None, 30, download=False)
    assert images is not None
    assert (len(images.x_train), len(images.x_validation), len(images.x_test)) == (6_000, 1_000, 30)


def test_a_download_goes_to_the_path_that_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloaded: list[Path] = []
    monkeypatch.setattr("reference.cifar10_download.download_cifar10", downloaded.append)
    path = tmp_path / "cifar.tar.gz"
    with pytest.raises(ValueError, match=r"cifar\.tar\.gz"):
        load_images(path, None, None, download=False)
    assert downloaded == []
    with pytest.raises(ValueError, match=r"cifar\.tar\.gz"):
        load_images(path, None, None, download=True)
    assert downloaded == [path]


def refused(*arguments: str) -> str:
    """What the command says when it refuses, with exit code 2."""
    result = CliRunner().invoke(reference_command, arguments)
    assert result.exit_code == 2, result.output
    return result.output


def test_wrong_inputs_are_one_sentence(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n")
    out = str(tmp_path / "out")
    assert "No section is called lineal: choose from linear" in refused("--out", out, "--sections", "lineal")
    assert "table.csv is a file: give a folder" in refused("--out", str(table), "--sections", "linear")
    said = refused("--out", out, "--cifar10", str(table))
    assert said.startswith("Error: ")
    assert "table.csv" in said
    assert len(said.splitlines()) == 1
    assert "other.h5 is not there" in refused(
        "--out", out, "--sections", "transfer", "--train-size", "20", "--vgg16-weights", str(tmp_path / "other.h5")
    )
    assert not (tmp_path / "out").exists()


def test_ctrl_c_in_the_middle_of_training(tmp_path: Path) -> None:
    """Exit code 130, one sentence, no new folder, no process left behind, and no word of TensorFlow's."""
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [*COMMAND, "--out", str(tmp_path / "out"), "--sections", "tflite"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**without("TF_CPP_MIN_LOG_LEVEL"), "TFLAB_TEST_MARK": mark},
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("linear regression, epochs"):
            break
    time.sleep(1)  # into the fit
    process.send_signal(signal.SIGINT)
    said += process.stderr.readlines()
    assert process.wait() == 130, said
    assert [line for line in said if line.strip()] == [  # click ends the line on which the terminal shows ^C
        "loading TensorFlow: 1\n",
        "linear regression, epochs: 100\n",
        "Interrupted: nothing half-written was left behind.\n",
    ]
    assert not (tmp_path / "out").exists()
    assert not with_mark(mark)


def without(variable: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != variable}


def with_mark(mark: str) -> list[int]:
    """Processes whose environment holds the mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue  # it has ended, or is not ours
    return found


def test_bars_need_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with module.TerminalProgress() as progress:
        with progress.steps("CNN, epochs", 3) as advance:
            advance()
        progress.say("cnn: done in 1.0 s. [not markup]")
    assert capfd.readouterr().err == "CNN, epochs: 3\ncnn: done in 1.0 s. [not markup]\n"
