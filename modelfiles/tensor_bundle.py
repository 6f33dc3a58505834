"""TensorFlow's checkpoint format: an index (`variables.index`) and shards of raw values (`variables.data-…`).

The index is a sorted table in LevelDB's format: blocks of keys, each sharing a prefix with the one before, whose
values are BundleEntry messages. Source: tensorflow/core/util/tensor_bundle, tensorflow/core/lib/io/format.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from modelfiles.arrays import ITEM_BYTES, StoredArray, check_declaration
from modelfiles.errors import ModelFileError
from modelfiles.protos import parse
from modelfiles.source import Source

MAX_INDEX_BYTES = 16 * 1024 * 1024
MAX_ENTRIES = 50_000
MAX_KEY_BYTES = 1024
MAX_SHARDS = 1000
MAX_TEXT_BYTES = 32 * 1024 * 1024

_FOOTER_BYTES = 48
_TRAILER_BYTES = 5
_MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
_STRING = 7
_DTYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    9: "int64",
    10: "bool",
    14: "bfloat16",
    17: "uint16",
    19: "float16",
    22: "uint32",
    23: "uint64",
}


class Entry(NamedTuple):
    """One tensor: its type's number, its shape, and where its bytes are."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int


class TensorBundle:
    """An open checkpoint; `entries` by key. A context manager that closes its shards."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        self._shards: dict[int, Source] = {}
        name = f"{prefix.name}.index"
        with Source(prefix.with_name(name)) as source:
            if source.size > MAX_INDEX_BYTES:
                raise ModelFileError(f"refused: {name} has {source.size:,} bytes; {MAX_INDEX_BYTES:,} is the most.")
            data = bytes(source.read(0, source.size))
        rows = dict(_rows(data, name))
        header = parse("BundleHeader", rows.pop(b"", b""), name)
        self._count, self._little_endian = header.num_shards, header.endianness == 0
        if not 1 <= self._count <= MAX_SHARDS:
            raise ModelFileError(f"damaged: {name} speaks of {self._count:,} files of values.")
        self.entries = {
            key.decode("utf-8", "replace"): _entry(parse("BundleEntry", row, name)) for key, row in rows.items()
        }
        self._check_total()

    def _check_total(self) -> None:
        """Tensors do not overlap, so together they cannot take more bytes than the shards have."""
        declared = sum(entry.size for entry in self.entries.values())
        held = sum(self._shard(index).size for index in {entry.shard for entry in self.entries.values()})
        if declared > held:
            raise ModelFileError(
                f"truncated: {held:,} of {declared:,} bytes of variables; save or download the folder again."
            )

    def _shard(self, index: int) -> Source:
        if not 0 <= index < self._count:
            raise ModelFileError(f"damaged: a variable is said to be in file {index} of {self._count}.")
        if index not in self._shards:
            name = f"{self._prefix.name}.data-{index:05d}-of-{self._count:05d}"
            self._shards[index] = Source(self._prefix.with_name(name))
        return self._shards[index]

    def array(self, key: str, name: str) -> StoredArray | None:
        """The tensor of that key, under another name; None for text and other things that are no numbers."""
        entry = self.entries.get(key)
        if entry is None:
            raise ModelFileError(f"damaged: the variable {key!r} is not in the checkpoint.")
        if entry.dtype not in _DTYPES:
            return None
        dtype = _DTYPES[entry.dtype]
        check_declaration(key, entry.shape, dtype, entry.size)
        fetch = partial(self._shard(entry.shard).read, entry.offset, entry.size)
        return StoredArray(name, entry.shape, dtype, key, fetch, self._little_endian)

    def elements(self, key: str) -> int:
        """Number of elements of the tensor of that key, as declared."""
        entry = self.entries[key]
        return (
            prod(entry.shape)
            if entry.size == prod(entry.shape) * ITEM_BYTES[_DTYPES.get(entry.dtype, "int8")]
            else 0
        )

    def text(self, key: str) -> bytes | None:
        """The scalar string of that key, None where there is none: a length, a checksum of it, the bytes."""
        entry = self.entries.get(key)
        if entry is None or entry.dtype != _STRING or entry.shape:
            return None
        if entry.size > MAX_TEXT_BYTES:
            raise ModelFileError(f"refused: {key!r} has {entry.size:,} bytes; {MAX_TEXT_BYTES:,} is the most.")
        data = bytes(self._shard(entry.shard).read(entry.offset, entry.size))
        length, start = varint(data, 0)
        if start + 4 + length != len(data):
            raise ModelFileError(f"damaged: {key!r} in the checkpoint is cut short.")
        return data[start + 4 :]

    def close(self) -> None:
        """Close the shards."""
        for shard in self._shards.values():
            shard.close()


def _entry(message: Any) -> Entry:
    if message.slices:
        raise ModelFileError("refused: a variable is split over several parts, which Keras never does.")
    shape = tuple(dimension.size for dimension in message.shape.dims)
    if min((*shape, message.offset, message.size)) < 0:
        raise ModelFileError("damaged: a variable has a negative size.")
    return Entry(message.dtype, shape, message.shard_id, message.offset, message.size)


def _rows(data: bytes, name: str) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of the whole table."""
    if len(data) < _FOOTER_BYTES or not data.endswith(_MAGIC):
        raise ModelFileError(
            f"truncated: {name}, of {len(data):,} bytes, lacks its end; save or download it again."
        )
    footer = data[-_FOOTER_BYTES:]
    _, position = _block_handle(footer, 0)
    index, _ = _block_handle(footer, position)
    count = 0
    for _, value in _block(data, *index):
        block, _ = _block_handle(value, 0)
        for key, row in _block(data, *block):
            count += 1
            if count > MAX_ENTRIES:
                raise ModelFileError(f"refused: {name} lists more than {MAX_ENTRIES:,} variables.")
            yield key, row


def _block_handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block, and where the next thing begins."""
    offset, position = varint(data, position)
    size, position = varint(data, position)
    return (offset, size), position


def varint(data: bytes, position: int) -> tuple[int, int]:
    """A number in groups of seven bits, lowest first, and where the next thing begins."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ModelFileError("damaged: the checkpoint's index has a number that does not end.")


def _block(data: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of one block: entries, then their restart points, which are not needed to read them in order."""
    end = offset + size
    if size < 4 or end + _TRAILER_BYTES > len(data):
        raise ModelFileError("damaged: the checkpoint's index refers to a place outside of it.")
    if data[end] != 0:
        raise ModelFileError("refused: the checkpoint's index is compressed, which TensorFlow never does.")
    entries_end = end - 4 - 4 * int.from_bytes(data[end - 4 : end], "little")
    position, key = offset, b""
    while position < entries_end:
        shared, position = varint(data, position)
        unshared, position = varint(data, position)
        length, position = varint(data, position)
        if shared > len(key) or shared + unshared > MAX_KEY_BYTES or position + unshared + length > entries_end:
            raise ModelFileError("damaged: the checkpoint's index has an entry that does not fit.")
        key = key[:shared] + data[position : position + unshared]
        position += unshared + length
        yield key, data[position - length : position]
