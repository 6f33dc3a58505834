"""Conversion to TFLite: each mode, in the converter's own process, which has TensorFlow loaded; sizes beside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fixtures.images import generated_images
from reference import environment
from reference.converter import Converter
from reference.evidence import Conversion
from suites.benchmarks import elsewhere
from suites.benchmarks.forms import Form

CALIBRATION_ROWS = 200

CNN = "cifar10_cnn_model.keras"
CONVERSIONS = {
    "linear model": ("tf_simple_linear_regression_model.keras", "float"),
    "logistic model": ("logistic_regression_model.keras", "float"),
    "as trained (float)": (CNN, "float"),
    "dynamic range": (CNN, "dynamic"),
    "float16": (CNN, "float16"),
    "full int8": (CNN, "int8"),
}
"""What is converted, from which file, in which mode."""


@pytest.fixture(scope="module")
def converter(threads: int) -> Iterator[Converter]:
    """One process for all conversions; it imports TensorFlow while this one, which needs it later, does so too."""
    with Converter() as started:
        started.start()
        environment.prepare(threads)
        yield started


@pytest.fixture(scope="module")
def conversions(
    converter: Converter, folder: Path, form: Form, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Conversion]]:
    """Every conversion in turn, as often as the form says; the first of all, which loads much, is left out."""
    place = tmp_path_factory.mktemp("conversion")
    rows = place / "rows.npy"
    images = generated_images(CALIBRATION_ROWS, 10, 10)
    np.save(rows, images.x_train.astype(np.float32) / np.float32(255), allow_pickle=False)

    def convert(name: str) -> Conversion:
        source, mode = CONVERSIONS[name]
        return converter.convert(
            folder / source, place / "model.tflite", mode, scratch=place, rows=rows if mode == "int8" else None
        )

    convert(next(iter(CONVERSIONS)))
    done = defaultdict(list)
    for _ in range(form.conversions):
        for name in CONVERSIONS:
            done[name].append(convert(name))
    return done


@pytest.mark.benchmark(timer=elsewhere.clock)
@pytest.mark.parametrize("what", CONVERSIONS)
def test_conversion(what: str, conversions: dict[str, list[Conversion]], benchmark: BenchmarkFixture) -> None:
    """One mode's conversions: loading the Keras file, converting, writing."""
    done = conversions[what]
    assert {conversion.outcome for conversion in done} == {"converted"}, done[-1].error
    of_the_cnn = CONVERSIONS[what][0] == CNN
    benchmark.group = f"conversion to TFLite, {'the CNN' if of_the_cnn else 'the regressions'}"
    benchmark.extra_info |= {
        "section": "quantization" if of_the_cnn else "tflite",
        "library": "tflite",
        "label": what,
        "bytes": done[-1].bytes,
    }
    elsewhere.replay(benchmark, [conversion.seconds for conversion in done])
