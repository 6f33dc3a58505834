"""What a file is, told from its first bytes, and the reader that opens it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelfiles.errors import ModelFileError
from modelfiles.hdf5 import SIGNATURE, USER_BLOCKS, Hdf5File
from modelfiles.keras_h5 import open_h5
from modelfiles.keras_zip import open_zip
from modelfiles.opened import Opened
from modelfiles.source import Source

_HEAD_BYTES = 4096

_STRANGERS = (
    (b"Rar!\x1a\x07", "a RAR archive: unpack it and give the model file that is inside"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it and give the model file that is inside"),
    (b"\x1f\x8b", "a gzip archive: unpack it and give the model file that is inside"),
    (b"\xfd7zXZ\x00", "an xz archive: unpack it and give the model file that is inside"),
    (b"BZh", "a bzip2 archive: unpack it and give the model file that is inside"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive: unpack it and give the model file that is inside"),
    (b"\x93NUMPY", "a NumPy array: save the whole model with model.save"),
    (b"\x80\x02", "a pickle, which is never opened here: save the model with model.save"),
    (b"\x80\x03", "a pickle, which is never opened here: save the model with model.save"),
    (b"\x80\x04", "a pickle, which is never opened here: save the model with model.save"),
    (b"\x80\x05", "a pickle, which is never opened here: save the model with model.save"),
    (b"%PDF-", "a PDF document, not a model"),
    (b"\x89PNG", "a PNG picture, not a model"),
    (b"\xff\xd8\xff", "a JPEG picture, not a model"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself: fetch it with 'git lfs pull'"),
    (b"\x08\x01\x12", "a saved_model.pb: give the folder that it lies in, with its variables"),
)
_WEB = (b"<!doctype html", b"<html", b"<head", b"<?xml")


def is_tflite(head: bytes) -> bool:
    """Whether the first bytes are those of a .tflite file."""
    return head[4:8] == b"TFL3"


@contextmanager
def open_model(path: Path) -> Iterator[Opened]:
    """The Keras model in a file or SavedModel folder, told by its content, never by its name.

    Raises ModelFileError, its message beginning with the path.
    """
    try:
        if path.is_dir():
            from modelfiles.saved_model import open_saved_model  # protobuf is needed here only

            with open_saved_model(path) as opened:
                yield opened
            return
        with Source(path) as source:
            yield _open_file(path, source)
    except ModelFileError as error:
        message = str(error)
        raise type(error)(message if message.startswith(str(path)) else f"{path}: {message}") from None


def _open_file(path: Path, source: Source) -> Opened:
    head = source.head(_HEAD_BYTES)
    if any(head[block : block + 8] == SIGNATURE for block in USER_BLOCKS):
        return open_h5(Hdf5File(source).root)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return open_zip(source, path)
    raise ModelFileError(stranger(head))


def stranger(head: bytes) -> str:
    """One sentence on a file that is no Keras model, from its first bytes."""
    if not head:
        return "an empty file: save or download the model again."
    if not head.strip(b"\0"):
        return "nothing but zero bytes: save or download the model again."
    if is_tflite(head):
        return "a .tflite file, where a Keras model was asked for."
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_WEB):
        return "a web page, not a model: download the file itself (a sign-in page often comes in its place)."
    for magic, what in _STRANGERS:
        if head.startswith(magic):
            return f"{what}."
    if head.lstrip()[:1] in (b"{", b"["):
        return "a JSON text, not a model: a configuration alone has no weights; save the whole model."
    if head[257:262] == b"ustar":
        return "a tar archive: unpack it and give the model file that is inside."
    return "neither a .keras, .h5 or .tflite file nor a SavedModel folder: save the model with model.save."
