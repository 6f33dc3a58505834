"""Inference with the CNN: Keras, our NumPy forward pass and TFLite runtimes; one image and 256; each precision."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fixtures.images import generated_images
from modelfiles import forward
from modelfiles.errors import RuntimeFailure
from modelfiles.runtimes import RuntimeProcess, default_runtimes, parse_runtime
from suites.benchmarks import elsewhere
from suites.benchmarks.forms import Form

CNN = "cifar10_cnn_model.keras"
PRECISIONS = {
    "float": "cifar10_cnn_model.tflite",
    "dynamic range": "cifar10_cnn_model_quantized.tflite",
    "float16": "cifar10_cnn_model_float16.tflite",
    "int8": "cifar10_cnn_model_int8.tflite",
}
BATCHES = (1, 256)
ELSEWHERE = "TFLAB_TFLITE_RUNTIME_PYTHON"
"""Names a Python that has tflite-runtime; without it, that runtime is left out."""

Floats = npt.NDArray[np.float32]


def runtime_names() -> list[str]:
    """Those that are there: ai-edge-litert, tf.lite, and tflite-runtime where an environment has it."""
    names = ["ai-edge-litert", "tf.lite"]
    return [*names, "tflite-runtime"] if Path(os.environ.get(ELSEWHERE, "")).is_file() else names


@pytest.fixture(scope="module")
def images() -> Floats:
    """Test images (256, 32, 32, 3), scaled as the lab scales them."""
    return generated_images(10, 10, max(BATCHES)).x_test.astype(np.float32) / np.float32(255)


@pytest.fixture(scope="module")
def runtimes() -> Iterator[Callable[[str], RuntimeProcess]]:
    """One process per runtime."""
    started: dict[str, RuntimeProcess] = {}
    with ExitStack() as stack:

        def runtime(name: str) -> RuntimeProcess:
            if name not in started:
                (litert,) = default_runtimes()
                python = os.environ.get(ELSEWHERE, "") if name == "tflite-runtime" else sys.executable
                spec = litert if name == litert.name else parse_runtime(f"{name}={python}")
                started[name] = stack.enter_context(RuntimeProcess(spec))
            return started[name]

        yield runtime


@pytest.fixture(scope="module")
def keras_model(folder: Path, threads: int) -> Any:
    """The CNN, loaded by Keras."""
    from reference import environment, versions

    environment.prepare(threads)
    return versions.load_model(folder / CNN)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("call", ["predict", "call"])
def test_keras(
    call: str, batch: int, keras_model: Any, images: Floats, form: Form, benchmark: BenchmarkFixture
) -> None:
    """`model.predict(x)`, which is made for many images, and `model(x)`, which is not."""
    x = images[:batch]
    once = (lambda: keras_model.predict(x, verbose=0)) if call == "predict" else (lambda: keras_model(x).numpy())
    benchmark.group = group(batch)
    benchmark.extra_info |= {"section": "cnn", "library": "keras", "label": f"Keras, {call}"}
    answers = benchmark.pedantic(once, rounds=rounds(form, batch), warmup_rounds=2)
    assert answers.shape == (batch, 10)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("batch", BATCHES)
def test_numpy(batch: int, folder: Path, images: Floats, form: Form, benchmark: BenchmarkFixture) -> None:
    """The forward pass that judges: the same weights, no TensorFlow."""
    model = forward.load(folder / CNN)
    benchmark.group = group(batch)
    benchmark.extra_info |= {"section": "cnn", "library": "numpy", "label": "NumPy, modelfiles.forward"}
    answers = benchmark.pedantic(model.predict, args=(images[:batch],), rounds=rounds(form, batch), warmup_rounds=2)
    assert answers.shape == (batch, 10)


@pytest.mark.benchmark(timer=elsewhere.clock)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", runtime_names())
def test_tflite(
    name: str,
    precision: str,
    batch: int,
    folder: Path,
    images: Floats,
    runtimes: Callable[[str], RuntimeProcess],
    form: Form,
    threads: int,
    benchmark: BenchmarkFixture,
) -> None:
    """Calls timed inside the runtime's own process, without the first; a file that it refuses is skipped."""
    content = (folder / PRECISIONS[precision]).read_bytes()
    try:
        answer = runtimes(name).run(content, images[:batch], repeats=rounds(form, batch), threads=threads)
    except RuntimeFailure as failure:
        pytest.skip(f"{name}: {failure.reason}")
    assert answer.outputs.shape == (batch, 10)
    benchmark.group = group(batch)
    benchmark.extra_info |= {
        "section": "quantization",
        "library": "tflite",
        "label": f"{name}, {precision}",
        "bytes": len(content),
        "version": f"{answer.module} {answer.version}",
        "batching": answer.batching,
        "first_seconds": answer.first_seconds,
    }
    elsewhere.replay(benchmark, answer.seconds)


def group(batch: int) -> str:
    """How the report calls it."""
    return f"inference with the CNN, batch {batch}"


def rounds(form: Form, batch: int) -> int:
    """Timed calls: as many as the form says with one image, fewer with many, after the first."""
    return form.latencies if batch == 1 else max(5, form.latencies // 10)
