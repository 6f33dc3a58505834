"""What is no Keras model is refused with one sentence that says what it is."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

import modelfiles
from modelfiles import ModelFileError
from modelfiles.forward import load
from tests.modelfiles.keras_files import DATA, WEIGHTS, entries, write_zip

STRANGERS = {
    "empty file": (b"", "empty file"),
    "zero bytes": (b"\0" * 5000, "zero bytes"),
    "web page": (b"\xef\xbb\xbf\n<!DOCTYPE html><title>Sign in</title>", "web page"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\n", "git lfs pull"),
    "RAR": (b"Rar!\x1a\x07\x01\x00", "RAR"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4", "7z"),
    "gzip": (b"\x1f\x8b\x08\0", "gzip"),
    "tar": (b"cnn.keras".ljust(257, b"\0") + b"ustar\x0000", "tar"),
    "pickle": (b"\x80\x04\x95", "never opened"),
    "NumPy array": (b"\x93NUMPY\x01\x00", "NumPy"),
    "JSON": (b'{"class_name": "Sequential"}', "JSON"),
    "picture": (b"\x89PNG\r\n\x1a\n", "PNG"),
    "saved_model.pb": (b"\x08\x01\x12\x04", "folder"),
    "text": (b"size,price\n1000,200\n", "neither"),
}


@pytest.mark.parametrize("what", STRANGERS)
def test_other_files(tmp_path: Path, what: str) -> None:
    content, said = STRANGERS[what]
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    for read in (modelfiles.describe, modelfiles.weights, load):
        with pytest.raises(ModelFileError, match=said) as raised:
            read(path)
        message = str(raised.value)
        assert message.startswith(str(path))
        assert message.endswith(".")
        assert "\n" not in message


def test_tflite_has_no_keras_weights(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(b"\x1c\0\0\0TFL3")
    with pytest.raises(ModelFileError, match=r"a \.tflite file"):
        modelfiles.weights(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="No such file"):
        modelfiles.describe(tmp_path / "gone.keras")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.keras")
    with pytest.raises(ModelFileError, match="not a regular file"):
        modelfiles.describe(tmp_path / "pipe.keras")


ARCHIVES = {
    "model inside": ("lab/cnn.keras", "holds 'lab/cnn.keras'"),
    "PyTorch": ("archive/data.pkl", "PyTorch"),
    "NumPy archive": ("arr_0.npy", "NumPy"),
    "document": ("word/document.xml", "no config.json"),
}


@pytest.mark.parametrize("what", ARCHIVES)
def test_other_zip_archives(tmp_path: Path, what: str) -> None:
    name, said = ARCHIVES[what]
    path = write_zip(tmp_path / "model.keras", {name: b"x" * 100})
    with pytest.raises(ModelFileError, match=said):
        modelfiles.describe(path)


def test_archive_without_weights(tmp_path: Path) -> None:
    contents = entries(DATA / "keras-3.15" / "linear.keras")
    del contents[WEIGHTS]
    with pytest.raises(ModelFileError, match=r"without model\.weights\.h5"):
        modelfiles.describe(write_zip(tmp_path / "a.keras", contents))
    with pytest.raises(ModelFileError, match="split over several files"):
        modelfiles.describe(write_zip(tmp_path / "b.keras", contents | {"model.weights.json": b"{}"}))


def test_password(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", b"{}")
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag that marks an encrypted entry, in the entry's own header
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and in the table of contents
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="password"):
        modelfiles.describe(path)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_truncated_archive_says_how_much_is_there(tmp_path: Path, share: float) -> None:
    content = (DATA / "keras-3.15" / "graph.keras").read_bytes()
    path = tmp_path / "model.keras"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelFileError, match=r"truncated: [\d,]+ (of at least [\d,]+ bytes|bytes, without)"):
        modelfiles.describe(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_hdf5_says_how_much_is_there(tmp_path: Path, share: float) -> None:
    content = (DATA / "keras-2.12" / "logistic.h5").read_bytes()
    path = tmp_path / "model.h5"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelFileError, match=rf"truncated: [\d,]+ of {len(content):,} bytes"):
        modelfiles.describe(path)
