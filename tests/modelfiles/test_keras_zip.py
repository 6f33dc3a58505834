"""A `.keras` archive cannot take more memory than a stated multiple of its size."""

from __future__ import annotations

import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

import modelfiles
from modelfiles import ModelFileError
from modelfiles.keras_zip import MAX_ENTRIES
from tests.modelfiles.keras_files import CONFIG, DATA, METADATA, WEIGHTS, entries, write_zip

LINEAR = DATA / "keras-3.15" / "linear.keras"


@pytest.fixture
def contents() -> dict[str, bytes]:
    return entries(LINEAR)


@pytest.mark.parametrize("name", [CONFIG, METADATA, WEIGHTS])
def test_an_entry_that_shrank_too_far_is_not_decompressed(
    tmp_path: Path, contents: dict[str, bytes], name: str
) -> None:
    bomb = contents | {name: contents[name] + b" " * 50_000_000}
    path = write_zip(tmp_path / "bomb.keras", bomb, zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    with pytest.raises(ModelFileError, match=f"{name} in it would take"):
        modelfiles.describe(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_ordinary_compression_is_read(tmp_path: Path, contents: dict[str, bytes]) -> None:
    path = write_zip(tmp_path / "model.keras", contents, zipfile.ZIP_DEFLATED)
    assert modelfiles.describe(path).parameters == 2


def test_other_compression_is_refused(tmp_path: Path, contents: dict[str, bytes]) -> None:
    path = write_zip(tmp_path / "model.keras", contents, zipfile.ZIP_LZMA)
    with pytest.raises(ModelFileError, match="compressed in a way that Keras never uses"):
        modelfiles.describe(path)


def test_too_many_entries(tmp_path: Path, contents: dict[str, bytes]) -> None:
    path = write_zip(tmp_path / "model.keras", contents | {f"assets/{i}": b"" for i in range(MAX_ENTRIES)})
    with pytest.raises(ModelFileError, match="1,003 entries"):
        modelfiles.describe(path)


def test_a_table_of_contents_that_lies_about_its_length(tmp_path: Path, contents: dict[str, bytes]) -> None:
    """Long entries, few in number: it is the size that costs memory."""
    path = write_zip(tmp_path / "model.keras", contents | {f"{i}{'x' * 60_000}": b"" for i in range(30)})
    with pytest.raises(ModelFileError, match="entries"):
        modelfiles.describe(path)


def test_an_archive_in_the_large_format(tmp_path: Path, contents: dict[str, bytes]) -> None:
    """A second table of contents, whose numbers zipfile would believe instead."""
    content = write_zip(tmp_path / "model.keras", contents).read_bytes()
    end = content.rindex(b"PK\x05\x06")
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, 0, 1)
    (tmp_path / "model.keras").write_bytes(content[:end] + locator + content[end:])
    with pytest.raises(ModelFileError, match="more than 2 GiB"):
        modelfiles.describe(tmp_path / "model.keras")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice(tmp_path: Path, contents: dict[str, bytes]) -> None:
    """Which of the two counts depends on the reader, so neither does."""
    path = write_zip(tmp_path / "model.keras", contents)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(CONFIG, b"{}")
    with pytest.raises(ModelFileError, match=r"holds 'config\.json' twice"):
        modelfiles.describe(path)


def test_flipped_bits_in_the_weights_are_found(tmp_path: Path) -> None:
    content = bytearray(LINEAR.read_bytes())
    content[content.index(b"\x89HDF") + 2000] ^= 1
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(ModelFileError, match="damaged"):
        modelfiles.describe(tmp_path / "model.keras")


def test_an_error_inside_says_in_which_part(tmp_path: Path, contents: dict[str, bytes]) -> None:
    path = write_zip(tmp_path / "model.keras", contents | {WEIGHTS: contents[WEIGHTS][:5000]})
    with pytest.raises(ModelFileError, match=r"model\.weights\.h5 in it: truncated: 5,000 of 12,484 bytes"):
        modelfiles.describe(path)
