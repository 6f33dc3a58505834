"""Where VGG16's ImageNet weights come from: a file that was given, Keras's cache, or a download if asked for."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from reference.errors import ProduceError

NAME = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
MD5 = "6d6bbae143d832006294945121d1f1fc"
"""Of the published file, as `keras.applications.vgg16` itself checks it. Nothing else counts as ImageNet's."""


@dataclass(frozen=True)
class Weights:
    """`source` is "imagenet" or "random"; `path` the file to load, None for random weights or a download."""

    source: str
    path: Path | None = None

    @property
    def digest(self) -> str | None:
        """MD5 of the published file, where that is what the base holds."""
        return MD5 if self.source == "imagenet" else None

    @property
    def keras_argument(self) -> str | None:
        """What `tf.keras.applications.VGG16` takes as `weights`."""
        return str(self.path) if self.path else ("imagenet" if self.source == "imagenet" else None)


def find(given: Path | None, *, download: bool) -> Weights:
    """The weights to use; random ones where there are no others, which is enough for the mechanics.

    Raises:
        ProduceError: the file that was given is not there, or is not the published one.
    """
    if given is not None:
        if not given.is_file():
            raise ProduceError(f"{given} is not there: give the file {NAME}.")
        if not _is_published(given):
            raise ProduceError(f"{given} does not hold VGG16's ImageNet weights: give the file {NAME} (MD5 {MD5}).")
        return Weights("imagenet", given)
    cached = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models" / NAME
    if cached.is_file() and _is_published(cached):
        return Weights("imagenet", cached)
    return Weights("imagenet" if download else "random")


def _is_published(path: Path) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == MD5
