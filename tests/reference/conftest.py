"""A short reference, made once: few images, epochs and trials; and TensorFlow, loaded quietly."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.images import ImageSet, generated_images
from reference.produce import Produced, produce
from reference.settings import Settings

TINY = Settings(regression_epochs=3, trials=2, tuned_epochs=(3, 5, 1), image_epochs=1, mechanics_rows=(64, 32, 32))


@pytest.fixture(scope="session")
def tensorflow() -> Any:
    """The module, without its start-up messages."""
    from reference import environment

    environment.prepare()
    import tensorflow

    return tensorflow


@pytest.fixture(scope="session")
def few_images() -> ImageSet:
    """Generated images, so few that training on them takes a second."""
    return generated_images(320, 64, 96)


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory, few_images: ImageSet) -> tuple[Path, Produced]:
    """All sections, short, and what the run says about itself."""
    folder = tmp_path_factory.mktemp("reference") / "artefacts"
    return folder, produce(folder, images=few_images, settings=TINY)


@pytest.fixture
def short_reference(short: tuple[Path, Produced]) -> Path:
    """The folder with all sections, to be read only."""
    return short[0]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12k", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if done.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)
