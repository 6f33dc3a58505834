"""Calibration sees training images alone, and a full disk is told as such."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixtures.digests import digest_arrays
from fixtures.images import ImageSet
from reference.errors import means_disk_full
from reference.evidence import Conversion
from reference.progress import Silent
from reference.work import Work
from tests.reference.conftest import TINY


class Asked:
    """A converter that notes what it is asked for and converts nothing."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}

    def convert(self, source: Path, target: Path, mode: str, **paths: Path | None) -> Conversion:
        rows = paths["rows"]
        self.rows[mode] = None if rows is None else np.load(rows, allow_pickle=False)
        return Conversion(file=target.name, source=source.name, mode=mode, outcome="converted", seconds=0.0)


@pytest.fixture
def work(tmp_path: Path, few_images: ImageSet) -> Work:
    for name in ("files", "scratch"):
        (tmp_path / name).mkdir()
    return Work(
        folder=tmp_path / "files",
        scratch=tmp_path / "scratch",
        finished=tmp_path,
        settings=TINY,
        progress=Silent(),
        converter=Asked(),  # type: ignore[arg-type]
        given_images=few_images,
    )


def test_only_int8_is_calibrated_and_on_training_images(tensorflow: Any, work: Work, few_images: ImageSet) -> None:
    from reference import quantization
    from reference.cnn import pixels

    found = quantization.run(work)
    rows = work.converter.rows  # type: ignore[attr-defined]
    assert [mode for mode, given in rows.items() if given is not None] == ["int8"]
    assert list(rows) == list(quantization.FILES)
    np.testing.assert_array_equal(rows["int8"], pixels(few_images.x_train[: quantization.CALIBRATION_ROWS]))
    assert found.calibration.rows == quantization.CALIBRATION_ROWS
    assert found.calibration.digest == digest_arrays(rows["int8"])


def test_a_disk_that_fills_with_the_calibration_rows_is_recognised(
    tensorflow: Any, work: Work, small_disk: Path
) -> None:
    """NumPy says "614400 requested and 8192 written", which nobody would take for a full disk."""
    from reference import quantization

    with pytest.raises(OSError, match="No space left") as failed:
        quantization.run(replace(work, scratch=small_disk))
    assert means_disk_full(failed.value)
