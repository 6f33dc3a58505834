"""HDF5 files as Keras writes them, read in plain Python with every step bounded.

libhdf5, and so h5py, is not used on files of unknown origin: of a Keras file with single bytes changed, about one
in four hundred ends the process by a segmentation fault and some never return, and a crash in C is a way in. Here
every address is held against the file's size, every object and every byte of metadata costs from a budget, and an
array is read only when the bytes that its shape needs are there; all arrays together take no more bytes than the
file has. Only hard links are followed; arrays in chunks,
in external files or composed of other files are refused (Keras writes none), and so are types no weight has.

Source: HDF5 File Format Specification, version 3.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from struct import Struct

from modelfiles.arrays import ITEM_BYTES, StoredArray, check_declaration
from modelfiles.errors import ModelFileError
from modelfiles.hdf5_messages import (
    UNDEFINED,
    Attribute,
    attribute,
    dataspace,
    datatype,
    layout,
    link,
    unpack,
)
from modelfiles.source import Source

SIGNATURE = b"\x89HDF\r\n\x1a\n"
USER_BLOCKS = (0, 512, 1024, 2048)
"""Offsets at which a file may begin, after a block of the writer's own."""

MAX_STEPS = 500_000
"""Objects, messages and index entries looked at in one file; a model of 1,000 layers needs about 30,000."""
MAX_METADATA_BYTES = 64 * 1024 * 1024
"""Bytes of all that is no array; a large model's configuration has under one megabyte."""
MAX_NAME_BYTES = 4096

_SUPERBLOCK_0 = Struct("<8sB4xBBxHHI")
_ADDRESSES_0 = Struct("<QQQQQQ")
_SUPERBLOCK_2 = Struct("<8sBBBBQQQQ")
_OBJECT_1 = Struct("<BxHII4x")
_MESSAGE_1 = Struct("<HHB3x")
_CONTINUATION = Struct("<QQ")
_TREE = Struct("<4sBBHQQ")
_SYMBOLS = Struct("<4sBxH")
_SYMBOL = Struct("<QQI4x16x")
_HEAP = Struct("<4sB3xQQQ")
_COLLECTION = Struct("<4sB3xQ")
_HEAP_OBJECT = Struct("<HH4xQ")
_REFERENCE = Struct("<IQI")
_SOFT_LINK = 2

_DATASPACE, _DATATYPE, _LINK_INFO, _LINK, _EXTERNAL, _LAYOUT = 0x01, 0x03, 0x02, 0x06, 0x07, 0x08
_FILTERS, _ATTRIBUTE, _CONTINUES, _SYMBOL_TABLE, _ATTRIBUTE_INFO = 0x0B, 0x0C, 0x10, 0x11, 0x15
_SHARED = 0x02


class Hdf5File:
    """An open HDF5 file; `root` is its first group."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._steps = MAX_STEPS
        self._metadata = min(MAX_METADATA_BYTES, 4 * source.size) + 64 * 1024
        self._claims: dict[int, int] = {}
        self._collections: dict[int, dict[int, tuple[int, int]]] = {}
        self._base, end, root = self._superblock()
        if source.size < end:
            raise ModelFileError(f"truncated: {source.size:,} of {end:,} bytes; save or download the file again.")
        self.root = Group(self, root, "")

    def _superblock(self) -> tuple[int, int, int]:
        source = self._source
        for base in USER_BLOCKS:
            if base + 9 <= source.size and bytes(source.read(base, 8)) == SIGNATURE:
                break
        else:
            raise ModelFileError("not an HDF5 file: its signature is missing.")
        version = source.read(base + 8, 1)[0]
        size = _SUPERBLOCK_0.size + 4 * (version == 1) + _ADDRESSES_0.size
        head = source.read(base, min(size, source.size - base))
        if version in (0, 1):
            _, _, offsets, lengths, *_ = unpack(_SUPERBLOCK_0, head)
            start = _SUPERBLOCK_0.size + 4 * (version == 1)
            _, _, end, _, _, root = unpack(_ADDRESSES_0, head, start)
        elif version in (2, 3):
            _, _, offsets, lengths, _, _, _, end, root = unpack(_SUPERBLOCK_2, head)
        else:
            raise ModelFileError(f"refused: version {version} of the HDF5 format is unknown.")
        if (offsets, lengths) != (8, 8):
            raise ModelFileError("refused: the HDF5 file uses addresses that are not of eight bytes.")
        return base, end, root

    def read(self, address: int, size: int) -> memoryview:
        """Metadata at an address of the file's own address space, paid for by the byte."""
        self._metadata -= size
        if self._metadata < 0:
            raise ModelFileError("damaged: the HDF5 file refers to its parts in circles, or has too much metadata.")
        return self.values(address, size)

    def values(self, address: int, size: int) -> memoryview:
        """The bytes of an array."""
        if address == UNDEFINED:
            raise ModelFileError("damaged: the HDF5 file refers to nothing where it needs data.")
        return self._source.read(self._base + address, size)

    def step(self) -> None:
        """Pay for one object, node or message, so that cycles end."""
        self._steps -= 1
        if self._steps < 0:
            raise ModelFileError("damaged: the HDF5 file refers to its parts in circles, or has too many.")

    def claim(self, header: int, size: int) -> None:
        """Count the bytes of the array with that header, once; arrays of one file cannot overlap."""
        self._claims[header] = size
        if sum(self._claims.values()) > self._source.size:
            raise ModelFileError("damaged: the arrays of the HDF5 file declare more bytes than the file has.")

    def messages(self, address: int) -> Iterator[tuple[int, int, memoryview]]:
        """(type, flags, body) of the messages in the object header at `address`."""
        self.step()
        if bytes(self.read(address, 4)) == b"OHDR":
            yield from self._messages_2(address)
            return
        version, count, _, size = unpack(_OBJECT_1, self.read(address, _OBJECT_1.size))
        if version != 1:
            raise ModelFileError("damaged: an HDF5 object has an unknown header.")
        blocks = [(address + _OBJECT_1.size, size)]
        while blocks and count:
            start, size = blocks.pop(0)
            block, position = self.read(start, size), 0
            while position + _MESSAGE_1.size <= size and count:
                self.step()
                count -= 1
                kind, length, flags = unpack(_MESSAGE_1, block, position)
                position += _MESSAGE_1.size
                body = block[position : position + length]
                position += length
                if kind == _CONTINUES:
                    blocks.append(unpack(_CONTINUATION, body))
                yield kind, flags, body

    def _messages_2(self, address: int) -> Iterator[tuple[int, int, memoryview]]:
        """The same for a header of version 2, whose blocks end with a checksum of four bytes."""
        flags = self.read(address, 6)[5]
        width = 1 << (flags & 3)
        start = address + 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
        size = int.from_bytes(self.read(start, width), "little")
        blocks = [(start + width, size)]
        head = 4 + 2 * bool(flags & 0x04)
        while blocks:
            self.step()
            start, size = blocks.pop(0)
            block, position = self.read(start, size), 0
            while position + head <= size:
                self.step()
                kind, low, high, message_flags = block[position : position + 4]
                position += head
                body = block[position : position + low + 256 * high]
                position += low + 256 * high
                if kind == _CONTINUES:
                    following, length = unpack(_CONTINUATION, body)
                    if length < 8 or bytes(self.read(following, 4)) != b"OCHK":
                        raise ModelFileError("damaged: an HDF5 object header does not continue where it says.")
                    blocks.append((following + 4, length - 8))
                yield kind, message_flags, body

    def symbols(self, body: memoryview) -> Iterator[tuple[str, int]]:
        """(name, address) of an old-style group's members, given its symbol table message."""
        tree, heap = unpack(_CONTINUATION, body)
        signature, _, size, _, data = unpack(_HEAP, self.read(heap, _HEAP.size))
        if signature != b"HEAP":
            raise ModelFileError("damaged: an HDF5 group has no names.")
        nodes = [tree]
        while nodes:
            self.step()
            address = nodes.pop()
            signature, kind, level, used, _, _ = unpack(_TREE, self.read(address, _TREE.size))
            if signature != b"TREE" or kind != 0:
                raise ModelFileError("damaged: an HDF5 group has no index.")
            pointers = unpack(Struct("<" + "8xQ" * used), self.read(address + _TREE.size, 16 * used))
            if level:
                nodes.extend(pointers)
            else:
                for pointer in pointers:
                    yield from self._symbol_node(pointer, data, size)

    def _symbol_node(self, address: int, names: int, names_size: int) -> Iterator[tuple[str, int]]:
        signature, _, count = unpack(_SYMBOLS, self.read(address, _SYMBOLS.size))
        if signature != b"SNOD":
            raise ModelFileError("damaged: an HDF5 group's index leads nowhere.")
        entries = self.read(address + _SYMBOLS.size, count * _SYMBOL.size)
        for entry in range(count):
            self.step()
            name, header, cached = unpack(_SYMBOL, entries, entry * _SYMBOL.size)
            yield self._name(names + name, names_size - name), UNDEFINED if cached == _SOFT_LINK else header

    def _name(self, address: int, most: int) -> str:
        """A name that ends with a zero byte."""
        for size in (64, MAX_NAME_BYTES):
            text, ended, _ = bytes(self.read(address, min(size, most))).partition(b"\0")
            if ended:
                return text.decode("utf-8", "replace")
        raise ModelFileError("damaged: an HDF5 name is cut short.")

    def heap_text(self, reference: memoryview) -> bytes:
        """A string of the global heap, which an attribute refers to."""
        length, address, index = unpack(_REFERENCE, reference)
        if length == 0:
            return b""
        if address not in self._collections:
            self._collections[address] = self._collection(address)
        try:
            position, held = self._collections[address][index]
        except KeyError:
            raise ModelFileError("damaged: an HDF5 text is not where the file says.") from None
        return bytes(self.read(position, min(length, held)))

    def _collection(self, address: int) -> dict[int, tuple[int, int]]:
        """Index to (address, size) of the objects in one collection of the global heap."""
        signature, _, size = unpack(_COLLECTION, self.read(address, _COLLECTION.size))
        if signature != b"GCOL":
            raise ModelFileError("damaged: an HDF5 text is not where the file says.")
        objects: dict[int, tuple[int, int]] = {}
        position, end = address + _COLLECTION.size, address + size
        while position + _HEAP_OBJECT.size <= end:
            self.step()
            index, _, held = unpack(_HEAP_OBJECT, self.read(position, _HEAP_OBJECT.size))
            position += _HEAP_OBJECT.size
            objects[index] = position, held
            if index == 0:  # the free space, which is what remains
                break
            position += -(-held // 8) * 8
        return objects


class Group:
    """A group: its members by name, its attributes as text. `path` is for messages only."""

    def __init__(self, file: Hdf5File, address: int, path: str) -> None:
        self._file = file
        self._path = path
        self._members: dict[str, int] = {}
        self._attributes: dict[str, Attribute] = {}
        self.is_array = False
        for kind, flags, body in file.messages(address):
            if kind == _SYMBOL_TABLE:
                self._members.update(file.symbols(body))
            elif kind == _LINK:
                self._members.update([link(body)])
            elif kind == _ATTRIBUTE and not flags & _SHARED:
                found = attribute(body)
                self._attributes[found.name] = found
            elif kind in (_LINK_INFO, _ATTRIBUTE_INFO):
                _refuse_dense(kind, body)
            self.is_array |= kind == _DATATYPE

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the members, in the file's order (by name, mostly)."""
        return tuple(self._members)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def _address(self, name: str) -> int:
        address = self._members[name]
        if address == UNDEFINED:
            raise ModelFileError(
                f"refused: {self._path}/{name} in the HDF5 file is a link to another place or file, not data."
            )
        return address

    def group(self, path: str) -> Group | None:
        """The group at a path below this one, or None; links are not followed."""
        group = self
        for name in path.split("/"):
            if name not in group:
                return None
            group = Group(self._file, group._address(name), f"{group._path}/{name}")
        return group

    def array(self, path: str) -> StoredArray | None:
        """The array at a path below this one, or None; named by the last part of the path."""
        *folders, name = path.split("/")
        group = self.group("/".join(folders)) if folders else self
        if group is None or name not in group:
            return None
        return _array(self._file, group._address(name), name, f"{group._path}/{name}")

    def arrays(self, depth: int) -> Iterator[StoredArray]:
        """All arrays in the groups below, `depth` groups down; links are passed over."""
        for name, address in self._members.items():
            if address == UNDEFINED:
                continue
            member = Group(self._file, address, f"{self._path}/{name}")
            if member.is_array:
                yield _array(self._file, address, name, member._path)
            elif depth:
                yield from member.arrays(depth - 1)

    def text(self, name: str) -> str | None:
        """The attribute of that name as one text, or None."""
        texts = self.texts(name)
        return texts[0] if texts else None

    def texts(self, name: str) -> tuple[str, ...] | None:
        """The attribute of that name as a list of texts, or None; text that is no UTF-8 is marked, not refused."""
        found = self._attributes.get(name)
        if found is None:
            return None
        size, data, raw = found.datatype.size, found.data, []
        if found.datatype.kind not in ("string", "heap string") or size == 0:
            return None
        for start in range(0, len(data), size):
            self._file.step()
            part = data[start : start + size]
            raw.append(bytes(part) if found.datatype.kind == "string" else self._file.heap_text(part))
        return tuple(text.split(b"\0")[0].decode("utf-8", "replace") for text in raw)


def _refuse_dense(kind: int, body: memoryview) -> None:
    """Members or attributes outside the object header: HDF5 does that when asked to, or for names with accents."""
    flags = unpack(Struct("<BB"), body)[1]
    optional = 8 if kind == _LINK_INFO else 2
    if unpack(Struct("<Q"), body, 2 + optional * (flags & 1))[0] != UNDEFINED:
        raise ModelFileError(
            "refused: the HDF5 file keeps a large group in HDF5's newer form, which is not read: save it as .keras."
        )


def _array(file: Hdf5File, address: int, name: str, path: str) -> StoredArray:
    """The array whose object header stands at `address`, held against the bytes that are stored for it."""
    parts: dict[int, memoryview] = {}
    for kind, flags, body in file.messages(address):
        if kind == _EXTERNAL:
            raise ModelFileError(f"refused: {path} in the HDF5 file keeps its values in another file.")
        if kind == _FILTERS and len(body) > 1 and body[1]:
            raise ModelFileError(f"refused: {path} in the HDF5 file is compressed, which Keras never does.")
        if kind in (_DATASPACE, _DATATYPE, _LAYOUT) and not flags & _SHARED:
            parts[kind] = body
    if len(parts) < 3:
        raise ModelFileError(f"damaged: {path} in the HDF5 file is no array.")
    shape, kind_, place = dataspace(parts[_DATASPACE]), datatype(parts[_DATATYPE]), layout(parts[_LAYOUT])
    if kind_.kind != "number" or kind_.name not in ITEM_BYTES:
        raise ModelFileError(f"refused: {path} in the HDF5 file holds values that are no numbers.")
    if isinstance(place, memoryview):
        held, fetch = len(place), partial(_itself, place)
    elif place[0] == UNDEFINED:
        held, fetch = 0, partial(_itself, memoryview(b""))
    else:
        held, fetch = place[1], partial(file.values, *place)
    check_declaration(path, shape, kind_.name, held)
    file.claim(address, held)
    return StoredArray(name, shape, kind_.name, address, fetch, kind_.little_endian)


def _itself(values: memoryview) -> memoryview:
    return values
