"""The messages of an HDF5 object header, decoded: dataspace, datatype, layout, attribute, link.

Source: HDF5 File Format Specification, version 3.0, section IV.A.2. Only what Keras writes is understood; what
else the format offers (compound and reference types, chunks, filters, external and virtual storage) is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from struct import Struct
from typing import Any, Literal

from modelfiles.arrays import MAX_RANK
from modelfiles.errors import ModelFileError

UNDEFINED = 0xFFFF_FFFF_FFFF_FFFF
"""The address of nothing."""

_FLOATS = {  # bytes, exponent location and size, mantissa location and size, bias
    (2, 10, 5, 0, 10, 15): "float16",
    (2, 7, 8, 0, 7, 127): "bfloat16",
    (4, 23, 8, 0, 23, 127): "float32",
    (8, 52, 11, 0, 52, 1023): "float64",
}


@dataclass(frozen=True)
class Datatype:
    """`name` is a NumPy type name for a number; a string is fixed in length or kept elsewhere (`heap string`)."""

    kind: Literal["number", "string", "heap string", "other"]
    size: int
    name: str = ""
    little_endian: bool = True


@dataclass(frozen=True)
class Attribute:
    """A name with the raw bytes of its value."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    data: memoryview


def unpack(layout: Struct, data: memoryview, offset: int = 0) -> tuple[Any, ...]:
    """The values of `layout` at `offset`; ModelFileError where the message is too short."""
    if offset + layout.size > len(data):
        raise ModelFileError("damaged: an HDF5 message is shorter than its contents.")
    return layout.unpack_from(data, offset)


_DATASPACE_1 = Struct("<BBB5x")
_DATASPACE_2 = Struct("<BBBB")


def dataspace(data: memoryview) -> tuple[int, ...]:
    """The shape that a dataspace message declares, () for a scalar."""
    (version,) = unpack(Struct("<B"), data)
    header = _DATASPACE_1 if version == 1 else _DATASPACE_2
    _, rank, *_rest = unpack(header, data)
    if version not in (1, 2) or rank > MAX_RANK or (version == 2 and _rest[-1] == 2):
        raise ModelFileError("damaged: an HDF5 array has no valid shape.")
    return unpack(Struct(f"<{rank}Q"), data, header.size)


_DATATYPE = Struct("<BBxxI")
_INTEGER = Struct("<HH")
_FLOAT = Struct("<HHBBBBI")


def datatype(data: memoryview) -> Datatype:
    """The type that a datatype message declares; types that no weight or text has are "other"."""
    tag, bits, size = unpack(_DATATYPE, data)
    kind, little_endian = tag & 0x0F, not bits & 1
    if kind == 0:
        offset, precision = unpack(_INTEGER, data, _DATATYPE.size)
        if offset == 0 and precision == 8 * size and size in (1, 2, 4, 8):
            return Datatype("number", size, f"{'int' if bits & 8 else 'uint'}{precision}", little_endian)
    elif kind == 1:
        offset, precision, *fields = unpack(_FLOAT, data, _DATATYPE.size)
        exponent, exponent_size, mantissa, mantissa_size, bias = fields
        name = _FLOATS.get((size, exponent, exponent_size, mantissa, mantissa_size, bias))
        if offset == 0 and precision == 8 * size and name and not bits & 0x40:
            return Datatype("number", size, name, little_endian)
    elif kind == 3:
        return Datatype("string", size)
    elif kind == 5 and size == 2:  # opaque: how h5py keeps the bfloat16 that NumPy does not know
        return Datatype("number", size, "bfloat16")
    elif kind == 8 and size == 1:  # enumeration: how h5py keeps booleans
        return Datatype("number", size, "bool")
    elif kind == 9 and bits & 0x0F == 1 and size == 16:
        return Datatype("heap string", size)
    return Datatype("other", size)


_ATTRIBUTE = Struct("<BBHHH")


def attribute(data: memoryview) -> Attribute:
    """An attribute message: name, type, shape and the bytes of the value."""
    version, flags, name_size, type_size, space_size = unpack(_ATTRIBUTE, data)
    if version not in (1, 2, 3) or (version > 1 and flags & 3):
        raise ModelFileError("damaged: an HDF5 attribute has an unknown version or a shared type.")
    position = _ATTRIBUTE.size + (version == 3)
    parts = []
    for size in (name_size, type_size, space_size):
        if position + size > len(data):
            raise ModelFileError("damaged: an HDF5 attribute is shorter than its parts.")
        parts.append(data[position : position + size])
        position += -(-size // 8) * 8 if version == 1 else size  # version 1 pads each part to eight bytes
    name, kind, shape = bytes(parts[0]).split(b"\0")[0], datatype(parts[1]), dataspace(parts[2])
    size = prod(shape) * kind.size
    if position + size > len(data):
        raise ModelFileError("damaged: an HDF5 attribute declares more values than it holds.")
    return Attribute(name.decode("utf-8", "replace"), kind, shape, data[position : position + size])


_LAYOUT = Struct("<BB")
_COMPACT = Struct("<H")
_CONTIGUOUS = Struct("<QQ")


def layout(data: memoryview) -> tuple[int, int] | memoryview:
    """Where an array's bytes are: (address, size), or the bytes themselves."""
    version, kind = unpack(_LAYOUT, data)
    if version in (3, 4) and kind == 0:
        (size,) = unpack(_COMPACT, data, _LAYOUT.size)
        values = data[_LAYOUT.size + _COMPACT.size :]
        if size > len(values):
            raise ModelFileError("damaged: a compact HDF5 array is cut short.")
        return values[:size]
    if version in (3, 4) and kind == 1:
        address, size = unpack(_CONTIGUOUS, data, _LAYOUT.size)
        return address, size
    how = {2: "in chunks", 3: "as a virtual view of other files"}.get(kind, "in an unknown way")
    raise ModelFileError(f"refused: the HDF5 file stores an array {how}, which Keras never does.")


_LINK = Struct("<BB")


def link(data: memoryview) -> tuple[str, int]:
    """A link message of a new-style group: name and object address; UNDEFINED for a soft or external link."""
    version, flags = unpack(_LINK, data)
    if version != 1:
        raise ModelFileError("damaged: an HDF5 link has an unknown version.")
    position = _LINK.size
    kind = 0
    if flags & 0x08:
        (kind,) = unpack(Struct("<B"), data, position)
        position += 1
    position += 8 * bool(flags & 0x04) + bool(flags & 0x10)  # creation order, character set
    width = Struct("<" + "BHIQ"[flags & 3])
    (size,) = unpack(width, data, position)
    position += width.size
    name = bytes(data[position : position + size])
    if len(name) < size:
        raise ModelFileError("damaged: an HDF5 link's name is cut short.")
    address = unpack(Struct("<Q"), data, position + size)[0] if kind == 0 else UNDEFINED
    return name.decode("utf-8", "replace"), address
