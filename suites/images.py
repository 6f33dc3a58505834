"""The images that classifiers are judged on, and whether a classifier is known to have learnt from such."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fixtures.cifar10 import load_cifar10
from fixtures.images import ImageSet, fresh_images, generated_images
from suites.artefacts import Artefacts

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

FRESH_IMAGES = 1_000
FRESH_SEED = 20_261
"""Seed of the images that no training has seen; any other serves as well."""
SCALING_IMAGES = 100


@dataclass(frozen=True, eq=False)
class TestImages:
    """Test images x (n, 32, 32, 3) uint8 with labels y (n,), and what is known of the training.

    ``unknown`` is empty where the work is known to be trained on this data; otherwise it says why accuracy cannot
    be judged. ``probe`` holds a few validation images to recognise the preprocessing by.
    """

    __test__ = False

    name: str
    class_names: tuple[str, ...]
    x: Pixels
    y: Labels
    probe: tuple[Pixels, Labels]
    training_rows: int
    unknown: str = ""

    def fresh(self) -> tuple[Pixels, Labels] | None:
        """Images that nobody had before: another draw of the generated ones; there are no more real ones."""
        return fresh_images(FRESH_IMAGES, FRESH_SEED) if self.name == "generated" else None


def images_of(artefacts: Artefacts, cifar10: ImageSet | None, path: Path | None) -> TestImages:
    """Choose the images by what the evidence says the training used, else by what the run was given.

    ``cifar10`` are the real images of ``path``, where the run was given them.
    """
    seen: dict[str, Any] = artefacts.evidence_or("cnn").get("images", {})
    if cifar10 is not None:
        return _real(cifar10, path, seen)
    rows = seen.get("rows", {})
    unknown = "" if seen.get("name") == "generated" else "the data that this CNN learnt from is unknown"
    if seen.get("name") == "cifar10":
        unknown = "trained on CIFAR-10, which is not here: give --cifar10 PATH"
    test = rows.get("test", 2_000) if not unknown else 2_000
    images = generated_images(10, SCALING_IMAGES, test, seed=seen.get("seed", 0) if not unknown else 0)
    return TestImages(
        name="generated",
        class_names=images.class_names,
        x=images.x_test,
        y=images.y_test,
        probe=(images.x_validation, images.y_validation),
        training_rows=rows.get("train", 0),
        unknown=unknown,
    )


def _real(images: ImageSet, path: Path | None, seen: dict[str, Any]) -> TestImages:
    rows = seen.get("rows", {})
    if seen.get("name") == "cifar10" and seen.get("digest") != images.digest and path is not None:
        images = load_cifar10(path, **rows)  # trained on a part of it
    unknown = ""
    if seen.get("name") == "generated":
        unknown = "trained on the generated images, not on CIFAR-10: leave --cifar10 out"
    elif seen and seen.get("digest") != images.digest:
        unknown = f"trained on other images: digest {seen.get('digest')}, here {images.digest}"
    return TestImages(
        name="cifar10",
        class_names=images.class_names,
        x=images.x_test,
        y=images.y_test,
        probe=(images.x_validation[:SCALING_IMAGES], images.y_validation[:SCALING_IMAGES]),
        training_rows=rows.get("train", images.training_rows),
        unknown=unknown,
    )


def encode_pixels(image: Pixels) -> str:
    """One image (32, 32, 3) as base64 of its 3,072 bytes, for a figure's series."""
    return base64.b64encode(np.ascontiguousarray(image).tobytes()).decode()
