"""The `.keras` archive of Keras 2.13 and later: `config.json`, `metadata.json` and `model.weights.h5` in a zip.

Nothing is extracted to disk. The number of entries, their sizes and their compression are held against limits
before a byte is decompressed, so that an archive cannot become much larger in memory than it is on disk.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from struct import Struct

from modelfiles.architecture import MAX_CONFIG_BYTES, learning_rate, parse_architecture, parse_json
from modelfiles.errors import ModelFileError
from modelfiles.hdf5 import Hdf5File
from modelfiles.keras_h5 import by_class, loose_by_class, optimizer_elements
from modelfiles.kinds import cautions, foreign_objects
from modelfiles.opened import Opened
from modelfiles.source import Source

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MAX_ENTRIES = 1000
MAX_DIRECTORY_BYTES = 1024 * 1024
MAX_RATIO = 20
"""Bytes in memory for each byte stored; Keras stores without compression, JSON text shrinks to a tenth."""
MAX_WEIGHTS_BYTES = 2 * 1024**3

_END = Struct("<4s4xHHI6x")
_LOCAL = Struct("<4s2xH10xIIHH")
_ENCRYPTED, _SIZES_FOLLOW = 0x1, 0x8


def open_zip(source: Source, path: Path) -> Opened:
    """The model in a `.keras` archive; its arrays stay readable, for the weights are in memory."""
    _check_directory(source)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _entries(archive)
            configuration = parse_json(_read(archive, entries[CONFIG], MAX_CONFIG_BYTES), CONFIG)
            metadata = {}
            if METADATA in entries:
                metadata = parse_json(_read(archive, entries[METADATA], MAX_CONFIG_BYTES), METADATA)
            weights = Source(_read(archive, entries[WEIGHTS], MAX_WEIGHTS_BYTES))
    except ModelFileError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise ModelFileError(f"damaged: its zip archive cannot be read ({error}).") from None
    try:
        root = Hdf5File(weights).root
        architecture = parse_architecture(configuration)
        complete = architecture.is_model
        if complete:
            arrays = by_class(architecture, root)
        else:  # a subclassed model: its layers are attributes in somebody's code
            loose, arrays = loose_by_class(root)
            architecture = replace(architecture, children=loose.children)
    except ModelFileError as error:
        raise ModelFileError(f"{WEIGHTS} in it: {error}") from None
    version = metadata.get("keras_version")
    return Opened(
        "keras",
        version if isinstance(version, str) else None,
        architecture,
        arrays,
        complete,
        optimizer_elements(root),
        warnings=(*cautions(architecture), *foreign_objects(configuration)),
        learning_rate=learning_rate(configuration.get("compile_config")),
    )


def _check_directory(source: Source) -> None:
    """Bound the table of contents at the archive's end, which zipfile would read whole."""
    tail_size = min(source.size, _END.size + 0xFFFF)
    tail = bytes(source.read(source.size - tail_size, tail_size))
    end = len(tail) - _END.size
    if end < 0 or not (tail[end:].startswith(b"PK\x05\x06") and tail.endswith(b"\0\0")):
        end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) - end < _END.size:
        raise ModelFileError(f"truncated: {_promised(source)}; save or download the file again.")
    _, here, entries, directory = _END.unpack_from(tail, end)
    if b"PK\x06\x07" in tail[max(0, end - 20) : end]:
        raise ModelFileError("refused: a zip archive in the format for more than 2 GiB.")
    if max(here, entries) > MAX_ENTRIES or directory > MAX_DIRECTORY_BYTES:
        raise ModelFileError(f"refused: its zip archive lists {entries:,} entries; a Keras file has three or four.")


def _promised(source: Source) -> str:
    """How much of an archive that lacks its end is there: its entries' own headers say how far they reach."""
    position = 0
    for _ in range(MAX_ENTRIES):
        if position + _LOCAL.size > source.size:
            break
        signature, flags, stored, _, name, extra = _LOCAL.unpack(source.read(position, _LOCAL.size))
        if signature != b"PK\x03\x04" or flags & _SIZES_FOLLOW:
            break
        position += _LOCAL.size + name + extra + stored
    if position > source.size:
        return f"{source.size:,} of at least {position:,} bytes"
    return f"{source.size:,} bytes, without the zip archive's end"


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        if entry.filename in entries:
            raise ModelFileError(f"refused: its zip archive holds {entry.filename!r} twice.")
        entries[entry.filename] = entry
    if any(entry.flag_bits & _ENCRYPTED for entry in entries.values()):
        raise ModelFileError("a zip archive protected by a password: hand in the model file itself.")
    if CONFIG not in entries:
        raise ModelFileError(_other_archive(list(entries)))
    if WEIGHTS not in entries:
        split = " (they are split over several files)" if "model.weights.json" in entries else ""
        raise ModelFileError(f"a .keras archive without {WEIGHTS}{split}: save the whole model again.")
    return entries


def _other_archive(names: list[str]) -> str:
    """What a zip archive without a configuration is."""
    model = next((name for name in names if name.endswith((".keras", ".h5", ".tflite", "saved_model.pb"))), None)
    if model:
        return f"a zip archive that holds {model!r}: unpack it and give what is inside."
    if any(name.endswith("data.pkl") for name in names):
        return "a PyTorch file: save the model with Keras."
    if any(name.endswith(".npy") for name in names):
        return "a NumPy archive of arrays: save the whole model with model.save."
    return f"a zip archive, but no Keras model: it has no {CONFIG}."


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    """The contents of an entry, after its declared size and compression were held against the limits."""
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ModelFileError(f"refused: {entry.filename} in it is compressed in a way that Keras never uses.")
    if entry.file_size > min(limit, MAX_RATIO * entry.compress_size + 4096):
        raise ModelFileError(
            f"refused: {entry.filename} in it would take {entry.file_size:,} bytes of memory, "
            f"from {entry.compress_size:,} in the file."
        )
    data = archive.read(entry)  # stops at the declared size, and checks the checksum
    if len(data) != entry.file_size:
        raise ModelFileError(f"damaged: {entry.filename} in it is cut short.")
    return data
