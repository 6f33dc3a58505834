"""The values of constant tensors of .tflite files, and how they are counted."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from modelfiles.description import TFLiteTensor
from modelfiles.errors import ModelFileError
from modelfiles.tflite_schema import TENSOR_TYPES, RawModel, TensorType, read_model

_MAPPED_FROM = 64 * 2**20
"""Files from this size on are mapped, so that describing one touches its structure and not its gigabytes."""

_BITS = {kind.name: kind.bits for kind in TENSOR_TYPES}


def contents(path: str | Path) -> bytes | memoryview:
    """The bytes of a file. Raises ModelFileError: missing, a folder, not readable."""
    path = Path(path)
    try:
        if not path.is_file():
            problem = "is a folder" if path.is_dir() else "no such file"
            raise ModelFileError(f"{path}: {problem}; give a .tflite file.")
        with path.open("rb") as file:
            if path.stat().st_size < _MAPPED_FROM:
                return file.read()
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}.") from error


@contextmanager
def named(path: str | Path | None) -> Iterator[None]:
    """Begin the sentence of a ModelFileError with the file that it is about."""
    try:
        yield
    except ModelFileError as error:
        if path is None or str(error).startswith(str(path)):
            raise
        raise ModelFileError(f"{path}: {error}") from error


def stored_buffer(raw: RawModel, index: int, owner: str) -> npt.NDArray[np.uint8]:
    """The bytes of a buffer (a view). Raises ModelFileError when there is no such buffer."""
    if index >= len(raw.buffers):
        raise ModelFileError(f"damaged: {owner} refers to buffer {index} of {len(raw.buffers)}.")
    return raw.buffers[index]


def fills_shape(tensor: TFLiteTensor) -> bool:
    """Whether the stored bytes are exactly what a dense tensor of that shape and type takes."""
    bits = _BITS.get(tensor.dtype, 0)
    return min(tensor.shape, default=0) >= 0 and tensor.nbytes == (prod(tensor.shape) * bits + 7) // 8


def stored_elements(tensor: TFLiteTensor) -> int:
    """Number of elements that stand in the file."""
    if not tensor.sparse and fills_shape(tensor):
        return prod(tensor.shape)
    bits = _BITS.get(tensor.dtype, 0)
    return tensor.nbytes * 8 // bits if bits else 0


def parameters(tensor: TFLiteTensor) -> int:
    """Number of elements by shape; those that are stored where the bytes do not fill a dense shape."""
    by_shape = tensor.sparse and min(tensor.shape, default=0) >= 0
    return prod(tensor.shape) if by_shape else stored_elements(tensor)


def tflite_tensor(path_or_bytes: str | Path | bytes, index: int, subgraph: int = 0) -> npt.NDArray[Any]:
    """The values of a constant tensor as they are stored (scales not applied), in the tensor's shape.

    Types that NumPy lacks are widened without loss: int4, int2 to int8, uint4 to uint8, bfloat16 to float32.

    Raises ModelFileError: unreadable file, no such tensor, no stored values, sparse storage, a type without
    numbers, or a shape that the stored bytes do not fill.
    """
    path = None if isinstance(path_or_bytes, bytes) else path_or_bytes
    with named(path):
        return _values(
            path_or_bytes if isinstance(path_or_bytes, bytes) else contents(path_or_bytes), index, subgraph
        )


def _values(data: bytes | memoryview, index: int, subgraph: int) -> npt.NDArray[Any]:
    raw = read_model(data)
    if not 0 <= subgraph < len(raw.subgraphs) or not 0 <= index < len(raw.subgraphs[subgraph].tensors):
        raise ModelFileError(f"no tensor {index} in subgraph {subgraph}: `tflab inspect` lists them.")
    tensor = raw.subgraphs[subgraph].tensors[index]
    stored = stored_buffer(raw, tensor.buffer, f"tensor {index}")
    if not stored.size:
        raise ModelFileError(f"tensor {index} stores no values here: it is computed, or kept in another file.")
    if tensor.sparse:
        raise ModelFileError(f"tensor {index} is stored sparse: only its description can be read.")
    shape = tuple(tensor.shape.tolist())
    if not fills_shape(TFLiteTensor(index, "", shape, tensor.type.name, stored.size, 0)):
        raise ModelFileError(f"tensor {index}: {stored.size:,} stored bytes do not fill the shape {shape}.")
    return numbers(stored, tensor.type)[: prod(shape)].reshape(shape)


def numbers(stored: npt.NDArray[np.uint8], kind: TensorType) -> npt.NDArray[Any]:
    """Stored bytes as a flat array; packed types may end in elements that only fill the last byte."""
    if kind.numpy is not None:
        return stored.view(np.dtype(kind.numpy))
    if kind.name == "bfloat16":
        return (stored.view("<u2").astype(np.uint32) << 16).view(np.float32)
    if kind.bits in (2, 4):
        lanes = np.arange(0, 8, kind.bits, dtype=np.uint8)
        values: npt.NDArray[np.uint8] = ((stored[:, None] >> lanes) & (2**kind.bits - 1)).reshape(-1)
        if kind.name.startswith("u"):
            return values
        # Two's complement: moving the sign bit up to int8's and shifting back extends it.
        extended: npt.NDArray[np.int8] = (values << (8 - kind.bits)).view(np.int8) >> (8 - kind.bits)
        return extended
    raise ModelFileError(f"values of type {kind.name} cannot be read as numbers.")
