"""An array that a file declares, with its shape already held against the bytes that are there."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from modelfiles.description import Tensor
from modelfiles.errors import ModelFileError

Array = npt.NDArray[Any]

ITEM_BYTES = {
    "bool": 1,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "int64": 8,
    "uint64": 8,
    "bfloat16": 2,
    "float16": 2,
    "float32": 4,
    "float64": 8,
}
"""Element types that a weight may have, and their bytes: everything else is refused."""

MAX_RANK = 32
"""NumPy 1's limit; HDF5 has the same."""


@dataclass(frozen=True)
class StoredArray:
    """One array in a file, not read yet.

    `identity` is equal for two names of the same stored bytes. `fetch` reads the values while the file is open.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    identity: Hashable
    fetch: Callable[[], memoryview]
    little_endian: bool = True

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return prod(self.shape) * ITEM_BYTES[self.dtype]

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    def tensor(self) -> Tensor:
        """What the description says about it."""
        return Tensor(self.name, self.shape, self.dtype, self.nbytes)

    def read(self) -> Array:
        """The values, read-only, in native byte order; bfloat16, which NumPy lacks, as float32."""
        data = self.fetch()
        order: Literal["<", ">"] = "<" if self.little_endian else ">"
        if self.dtype == "bfloat16":
            halves = np.frombuffer(data, f"{order}u2").astype(np.uint32) << np.uint32(16)
            values = halves.view(np.float32)
        elif self.dtype == "bool":
            values = np.frombuffer(data, np.uint8) != 0
        else:
            stored = np.frombuffer(data, np.dtype(self.dtype).newbyteorder(order))
            values = stored.astype(self.dtype, copy=False)
        values = values.reshape(self.shape)
        values.setflags(write=False)
        return values


def check_declaration(name: str, shape: tuple[int, ...], dtype: str, stored: int) -> None:
    """Refuse an array whose shape and type need another number of bytes than are stored for it."""
    if len(shape) > MAX_RANK:
        raise ModelFileError(
            f"damaged: the array {name!r} declares {len(shape)} dimensions; {MAX_RANK} is the most."
        )
    declared = prod(shape) * ITEM_BYTES[dtype]
    if declared != stored:
        raise ModelFileError(
            f"damaged: the array {name!r} declares {declared:,} bytes ({dtype} {shape}), but {stored:,} are stored."
        )
