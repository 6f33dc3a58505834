"""Loading and cold starts: opening a file, starting a runtime, judging a whole folder; sizes beside the times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import modelfiles
from modelfiles.runtimes import RuntimeProcess, default_runtimes
from suites.benchmarks import elsewhere
from suites.benchmarks.forms import Form

ROOT = Path(__file__).parent.parent
FILES = {
    ".keras": "cifar10_cnn_model.keras",
    ".h5": "cifar10_cnn_model.h5",
    "SavedModel": "cifar10_saved_model",
    ".tflite": "cifar10_cnn_model.tflite",
    ".tflite, dynamic range": "cifar10_cnn_model_quantized.tflite",
}
TFLITE = [name for name in FILES if name.startswith(".tflite")]
ONE_IMAGE = np.zeros((1, 32, 32, 3), np.float32)
CHECKS = "not transfer and not accuracy_drop and not (cnn and (accuracy or confusion_matrix))"
"""All but VGG16 and the accuracies, which take the longer the more images there are."""
JUDGING = "judging a finished folder, VGG16 and accuracies apart"


@pytest.mark.parametrize("what", FILES)
def test_describe(what: str, folder: Path, form: Form, benchmark: BenchmarkFixture) -> None:
    """Say what a file is, reading it as data."""
    path = folder / FILES[what]
    benchmark.group = "opening the CNN's files"
    benchmark.extra_info |= {"section": "formats", "library": "tflab", "label": f"{what}, described here"}
    benchmark.extra_info["bytes"] = size(path)
    found = benchmark.pedantic(modelfiles.describe, args=(path,), rounds=form.loads, warmup_rounds=1)
    assert found.parameters == 167_562


@pytest.mark.parametrize("what", [name for name in FILES if name not in TFLITE])
def test_load(what: str, folder: Path, form: Form, threads: int, benchmark: BenchmarkFixture) -> None:
    """Load a file with its own library."""
    from reference import environment, versions

    environment.prepare(threads)
    import tensorflow as tf

    path = folder / FILES[what]
    load = (lambda: tf.saved_model.load(str(path))) if path.is_dir() else (lambda: versions.load_model(path))
    benchmark.group = "opening the CNN's files"
    benchmark.extra_info |= {"section": "formats", "library": "keras", "label": f"{what}, loaded"}
    benchmark.extra_info["bytes"] = size(path)
    assert benchmark.pedantic(load, rounds=form.loads, warmup_rounds=1) is not None


@pytest.mark.benchmark(timer=elsewhere.clock)
@pytest.mark.parametrize("what", TFLITE)
def test_interpreter(what: str, folder: Path, form: Form, threads: int, benchmark: BenchmarkFixture) -> None:
    """Open a .tflite file and allocate its tensors, in a runtime that is up."""
    content = (folder / FILES[what]).read_bytes()
    with RuntimeProcess(default_runtimes()[0]) as runtime:
        answers = [runtime.run(content, ONE_IMAGE, threads=threads) for _ in range(form.loads + 1)]
    benchmark.group = "opening the CNN's files"
    benchmark.extra_info |= {"section": "formats", "library": "tflite", "label": f"{what}, in ai-edge-litert"}
    benchmark.extra_info["bytes"] = len(content)
    elsewhere.replay(benchmark, [answer.load_seconds for answer in answers[1:]])


def test_cold_runtime(folder: Path, form: Form, threads: int, benchmark: BenchmarkFixture) -> None:
    """From nothing to the first answer of a runtime in a process of its own."""
    content = (folder / FILES[".tflite"]).read_bytes()

    def first_answer() -> tuple[int, ...]:
        with RuntimeProcess(default_runtimes()[0]) as runtime:
            return runtime.run(content, ONE_IMAGE, threads=threads).outputs.shape

    benchmark.group = "cold starts"
    benchmark.extra_info |= {"section": "tflite", "library": "tflite", "label": "ai-edge-litert, first answer"}
    assert benchmark.pedantic(first_answer, rounds=form.starts) == (1, 10)


@pytest.mark.usefixtures("threads")
def test_cold_check(folder: Path, form: Form, benchmark: BenchmarkFixture) -> None:
    """`tflab check` of a finished folder, the whole process."""
    command = [sys.executable, "-c", "from tflab.cli import main; main()", "check", str(folder), "-k", CHECKS]

    def check() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    benchmark.group = JUDGING
    benchmark.extra_info |= {"section": "cnn", "library": "tflab", "label": "cold, tflab check", "target": 3.0}
    done = benchmark.pedantic(check, rounds=form.starts)
    assert done.returncode in (0, 1), done.stderr


@pytest.mark.usefixtures("threads")
@pytest.mark.benchmark(timer=elsewhere.clock)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_warm_check(folder: Path, form: Form, benchmark: BenchmarkFixture) -> None:
    """The same checks in forks of a process that has imported everything."""
    arguments = ["-p", "no:terminal", "--artefacts", str(folder), "-k", CHECKS]
    command = [sys.executable, "-m", "suites.benchmarks.warm", str(form.starts + 1), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    judged = json.loads(done.stdout)
    assert {status for status, _, _ in judged} <= {0, 1}
    benchmark.group = JUDGING
    benchmark.extra_info |= {"section": "cnn", "library": "tflab", "label": "warm, in a fork", "target": 1.0}
    benchmark.extra_info["cpu_seconds"] = [computed for _, _, computed in judged[1:]]
    elsewhere.replay(benchmark, [seconds for _, seconds, _ in judged[1:]])


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return path.stat().st_size if path.is_file() else sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
