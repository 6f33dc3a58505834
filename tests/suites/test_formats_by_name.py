from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import pytest

from tests.suites.judging import Judge


@pytest.mark.parametrize(
    ("saved_by", "outcome"),
    [("2.12.0", "passed"), ("2.9.0", "passed"), ("2.13.1", "failed"), ("3.15.1", "failed")],
)
def test_hdf5_called_keras_counts_as_keras_only_where_keras_itself_wrote_it(
    reference_folder: Path, judge: Judge, tmp_path: Path, saved_by: str, outcome: str
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    for name in ("cifar10_cnn_model.keras", "cifar10_cnn_model.h5"):
        shutil.copy(reference_folder / "cifar10_cnn_model.h5", folder / name)
    shutil.copytree(reference_folder / "cifar10_saved_model", folder / "cifar10_saved_model")
    with h5py.File(folder / "cifar10_cnn_model.keras", "r+") as file:
        file.attrs["keras_version"] = saved_by
    _, found = judge(folder, "-k", "round_trip")
    [result] = found.results
    assert result.outcome == outcome, result.message
