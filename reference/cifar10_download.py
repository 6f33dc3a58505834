"""CIFAR-10 by Keras's own download, for those who ask for it."""

from __future__ import annotations

from pathlib import Path

from fixtures.errors import DataSetError
from reference import environment

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
"""Of the archive, as `keras.datasets.cifar10` itself checks it."""


def download_cifar10(path: Path) -> None:
    """Download the archive to `path`; it is verified, and never unpacked or unpickled.

    Raises:
        DataSetError: it cannot be downloaded.
    """
    environment.prepare()
    import tensorflow as tf

    try:
        tf.keras.utils.get_file(
            path.name,
            URL,
            file_hash=SHA256,
            cache_dir=str(path.absolute().parent),
            cache_subdir="",
        )
    except Exception as error:  # Keras raises a bare Exception for whatever the network does
        raise DataSetError(
            f"CIFAR-10 cannot be downloaded ({error}): download {URL} elsewhere and give --cifar10 its path."
        ) from error
