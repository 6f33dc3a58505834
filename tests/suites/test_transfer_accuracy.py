"""The one check that needs ImageNet's weights and real images, shown to fail on a stand-in for both."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from fixtures.cifar10 import load_cifar10
from fixtures.images import generated_images
from fixtures.model_edits import edit_json
from tests.suites.judging import Judge


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated images in the layout of CIFAR-10's binary version; every batch is the same one."""
    folder = tmp_path_factory.mktemp("stand-in") / "cifar-10-batches-bin"
    folder.mkdir()
    images = generated_images(10, 10, 10_000)
    pixels = images.x_test.transpose(0, 3, 1, 2).reshape(10_000, 3072)
    records = np.column_stack([images.y_test.astype(np.uint8), pixels]).tobytes()
    for name in ("test_batch", *(f"data_batch_{n}" for n in range(1, 6))):
        (folder / f"{name}.bin").write_bytes(records)
    return folder


def test_random_weights_passed_off_as_imagenets_fail(
    stand_in: Path, reference_folder: Path, tmp_path: Path, judge: Judge
) -> None:
    folder = tmp_path / "claimed"
    shutil.copytree(reference_folder, folder, copy_function=os.link)
    images = load_cifar10(stand_in)
    rows = {"train": 45_000, "validation": 5_000, "test": 10_000}
    seen = {"name": "cifar10", "digest": images.digest, "rows": rows}
    edit_json(folder / "evidence/cnn.json", lambda e: e.update(images=seen))
    edit_json(folder / "evidence/transfer.json", lambda e: e.update(weights="imagenet", images=seen))
    _, found = judge(folder, "--cifar10", str(stand_in), "-k", "transfer")
    outcomes = {result.check: result for result in found.results}
    assert outcomes["transfer/frozen-base"].outcome == "passed"
    accuracy = outcomes["transfer/accuracy"]
    assert accuracy.outcome == "failed"
    assert accuracy.message.startswith("accuracy = 0.")
    assert accuracy.measurements[0].interval is not None


def test_images_that_the_model_did_not_learn_from_judge_nothing(
    stand_in: Path, reference_folder: Path, judge: Judge
) -> None:
    _, found = judge(reference_folder, "--cifar10", str(stand_in), "-k", "cnn or transfer")
    accuracy = next(result for result in found.results if result.check == "cnn/accuracy")
    assert accuracy.outcome == "skipped"
    assert "leave --cifar10 out" in accuracy.message
