"""Files and runtimes for the tests of this room."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelfiles.runtimes import RuntimeProcess, RuntimeSpec, parse_runtime

HERE = Path(__file__).parent
TFLITE = HERE / "data" / "tflite"


@pytest.fixture(scope="session")
def tflite() -> Callable[[str], bytes]:
    """Content of a kept .tflite file by name."""
    return lambda name: (TFLITE / f"{name}.tflite").read_bytes()


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with every file of `convert_models.py`, made by the TensorFlow of this environment."""
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("no TensorFlow here to convert models with")
    folder = tmp_path_factory.mktemp("converted")
    command = [sys.executable, str(HERE / "convert_models.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def runtime(name: str) -> RuntimeSpec:
    """A runtime that is installed here; skips with the reason where it is not."""
    if name == "tflite-runtime":
        python = os.environ.get("TFLAB_TFLITE_RUNTIME_PYTHON", "")
        if not shutil.which(python):
            pytest.skip("TFLAB_TFLITE_RUNTIME_PYTHON names no Python that has tflite-runtime")
        return parse_runtime(f"{name}={python}")
    package = {"tf.lite": "tensorflow", "ai-edge-litert": "ai_edge_litert"}[name]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed here")
    return parse_runtime(f"{name}={sys.executable}")


@pytest.fixture(params=["ai-edge-litert", "tflite-runtime", "tf.lite"], scope="session")
def process(request: pytest.FixtureRequest) -> Iterator[RuntimeProcess]:
    """A worker of each runtime in turn, shared by all tests because TensorFlow takes long to start."""
    with RuntimeProcess(runtime(request.param)) as running:
        yield running


@pytest.fixture(scope="session")
def litert() -> RuntimeSpec:
    """The runtime that starts fastest."""
    return runtime("ai-edge-litert")
