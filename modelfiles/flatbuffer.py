"""A flatbuffer, read with every offset checked.

The flatbuffers package for Python has no verifier: its generated accessors follow a negative offset to the
end of the file, cut strings silently and walk a vector as long as its header claims. `Table` is a cursor with
the same few operations in which nothing is read that does not lie inside the bytes and inside the table it
belongs to, and in which the whole walk is bounded by the size of the file. The layout is the one of the
FlatBuffers specification ("FlatBuffers internals"): little-endian; a table starts with the signed distance
back to its vtable; a vtable holds its own size, the table's size, then one 16-bit position per field (0:
absent); strings, vectors and tables are reached by unsigned forward offsets.

A reference past the end does not raise at once. It is noted and answered by the field's absence, so that one
walk finds how long the file should have been: `close` then says "truncated: N of M bytes".
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from modelfiles.errors import ModelFileError

MAX_TABLES = 2**18
"""Tables one file may hold: ten times those of a large language model; a walk over as many takes seconds."""

MAX_BYTES = 2**31 - 1
"""What the format can address; a position beyond it is damage, never truncation."""

MAX_FILE_BYTES = 2**40
"""The same for bytes that a file appends after its flatbuffer, which are addressed by 64 bits."""

_SHARING = 4
"""How often a byte may be reached on average: writers share a few vectors, bombs one a million times."""

_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")
_U16x2 = struct.Struct("<HH")
_U16 = struct.Struct("<H")
_SCALARS = {code: struct.Struct("<" + code) for code in "?bBhHiIqQf"}


class Flatbuffer:
    """The bytes of one flatbuffer and the account of what has been read of them.

    Raises `ModelFileError` for damage at once, and for truncation when it is closed.
    """

    def __init__(self, data: bytes | memoryview, identifier: bytes) -> None:
        if not data:
            raise ModelFileError("the file is empty.")
        if len(data) < 8 or bytes(data[4:8]) != identifier:
            raise ModelFileError(f"not a TFLite file: the identifier {identifier.decode()!r} is missing.")
        self.data = memoryview(data)
        self.size = len(data)
        self._reach = 0
        self._exact = True
        self._tables_left = MAX_TABLES
        self._bytes_left = _SHARING * self.size + 4096

    def root(self) -> Table | None:
        """The root table, or None when it lies past the end."""
        return self.table_at(0, "the root table")

    def close(self) -> None:
        """Raise if anything that was read points past the end of the file."""
        if self._reach > self.size:
            promised = f"{self._reach:,}" if self._exact else f"at least {self._reach:,}"
            raise ModelFileError(f"truncated: {self.size:,} of {promised} bytes.")

    def holds(self, start: int, length: int, what: str, *, pointer: bool = False, limit: int = MAX_BYTES) -> bool:
        """Whether the file holds `length` bytes from `start`; notes how far it should reach if not.

        `pointer` marks the start of something whose own size is unknown: the true end lies further on.
        """
        end = start + length
        if start < 0 or end > limit:
            raise ModelFileError(f"damaged: {what} points outside of any file ({start:,} + {length:,} bytes).")
        if end > self.size:
            if end > self._reach:
                self._reach, self._exact = end, not pointer
            return False
        return True

    def spend(self, length: int, what: str) -> None:
        """Account for bytes read; overlapping structures run out of what the file could honestly hold."""
        self._bytes_left -= length
        if self._bytes_left < 0:
            raise ModelFileError(f"damaged: overlapping structures, {what} reaches the same bytes many times.")

    def offset_at(self, position: int, what: str) -> int | None:
        """Position that the unsigned forward offset at `position` leads to, or None past the end."""
        if not self.holds(position, 4, what, pointer=True):
            return None
        (distance,) = _U32.unpack_from(self.data, position)
        if distance == 0:
            raise ModelFileError(f"damaged: {what} points to itself.")
        target: int = position + distance
        return target if self.holds(target, 4, what, pointer=True) else None

    def table_at(self, position: int, what: str) -> Table | None:
        """The table that the offset at `position` leads to, its vtable checked."""
        start = self.offset_at(position, what)
        if start is None:
            return None
        self._tables_left -= 1
        if self._tables_left < 0:
            raise ModelFileError(f"more than {MAX_TABLES:,} tables: no model has as many; the file is damaged.")
        (back,) = _I32.unpack_from(self.data, start)
        vtable = start - back
        if not self.holds(vtable, 4, f"the vtable of {what}", pointer=True):
            return None
        vtable_size, table_size = _U16x2.unpack_from(self.data, vtable)
        if vtable_size < 4 or vtable_size % 2 or table_size < 4:
            raise ModelFileError(f"damaged: the vtable of {what} has no valid size.")
        if not self.holds(vtable, vtable_size, f"the vtable of {what}") or not self.holds(start, table_size, what):
            return None
        self.spend(table_size, what)
        return Table(self, start, table_size, vtable, vtable_size, what)


class Table:
    """Cursor over one table. Fields are addressed by their index in the schema, 0 for the first."""

    __slots__ = ("_buffer", "_size", "_start", "_vtable", "_vtable_size", "what")

    def __init__(self, buffer: Flatbuffer, start: int, size: int, vtable: int, vtable_size: int, what: str) -> None:
        self._buffer = buffer
        self._start = start
        self._size = size
        self._vtable = vtable
        self._vtable_size = vtable_size
        self.what = what

    def _position(self, field: int, width: int) -> int | None:
        entry = 4 + 2 * field
        if entry + 2 > self._vtable_size:
            return None
        (inline,) = _U16.unpack_from(self._buffer.data, self._vtable + entry)
        if inline == 0:
            return None
        if inline < 4 or inline + width > self._size:
            raise ModelFileError(f"damaged: field {field} of {self.what} lies outside of it.")
        position: int = self._start + inline
        return position

    def scalar(self, field: int, code: str, default: int = 0) -> int:
        """A number stored inline, `code` as in `struct`; `default` when absent."""
        layout = _SCALARS[code]
        position = self._position(field, layout.size)
        if position is None:
            return default
        value: int = layout.unpack_from(self._buffer.data, position)[0]
        return value

    def table(self, field: int, what: str) -> Table | None:
        """A table that this one refers to, or None."""
        position = self._position(field, 4)
        return None if position is None else self._buffer.table_at(position, what)

    def _vector(self, field: int, itemsize: int, what: str) -> tuple[int, int]:
        """(first byte, number of elements) of a vector; (0, 0) when absent or past the end."""
        position = self._position(field, 4)
        start = None if position is None else self._buffer.offset_at(position, what)
        if start is None:
            return 0, 0
        (count,) = _U32.unpack_from(self._buffer.data, start)
        if not self._buffer.holds(start + 4, count * itemsize, what):
            return 0, 0
        self._buffer.spend(4 + count * itemsize, what)
        return start + 4, count

    def tables(self, field: int, what: str) -> list[Table]:
        """The tables of a vector, in order; those past the end are left out (`Flatbuffer.close` raises)."""
        start, count = self._vector(field, 4, f"the list of {what}s")
        found = (self._buffer.table_at(start + 4 * i, f"{what} {i}") for i in range(count))
        return [table for table in found if table is not None]

    def vector(self, field: int, dtype: str, what: str) -> npt.NDArray[Any]:
        """A vector of numbers as a read-only view (no copy); empty when absent."""
        kind = np.dtype(dtype)
        start, count = self._vector(field, kind.itemsize, what)
        return np.frombuffer(self._buffer.data, kind, count, start) if count else np.empty(0, kind)

    def outside(self, start: int, length: int, what: str) -> npt.NDArray[np.uint8]:
        """Bytes appended after the flatbuffer, by their position in the file; a view, empty past the end."""
        if not self._buffer.holds(start, length, what, limit=MAX_FILE_BYTES):
            return np.empty(0, np.uint8)
        self._buffer.spend(length, what)
        return np.frombuffer(self._buffer.data, np.uint8, length, start)

    def text(self, field: int, what: str) -> str:
        """A string; bytes that are no UTF-8 become replacement characters. Empty when absent."""
        start, count = self._vector(field, 1, what)
        return bytes(self._buffer.data[start : start + count]).decode("utf-8", "replace")
