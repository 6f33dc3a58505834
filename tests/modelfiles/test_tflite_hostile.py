"""Malformed .tflite files: one exception, bounded work, bounded memory, whatever the bytes."""

from __future__ import annotations

import re
import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st
from tflite_builder import TYPE, code, model, operator, quantization, subgraph, tensor

from modelfiles import flatbuffer, tflite_file, tflite_warnings
from modelfiles.errors import ModelFileError
from modelfiles.tflite_file import describe_tflite_bytes, tflite_tensor

KEPT = [path.read_bytes() for path in sorted((Path(__file__).parent / "data" / "tflite").glob("*.tflite"))]
INT_MAX = 2**31 - 1


READ = "read to the end."


def reason_of(content: bytes) -> str:
    """Do all that this reader can do with a file: why it is refused, or READ. Only ModelFileError may come out."""
    try:
        found = describe_tflite_bytes(content)
    except ModelFileError as error:
        return str(error)
    for number, graph in enumerate(found.subgraphs):
        for entry in graph.tensors:
            with suppress(ModelFileError):
                tflite_tensor(content, entry.index, number)
    return READ


# Random damage


WORDS = st.one_of(
    st.binary(min_size=1, max_size=4),
    st.sampled_from([INT_MAX, 2**32 - 1, 2**31, 0, 1]).map(lambda n: struct.pack("<I", n)),
    st.integers(0, 50_000).map(lambda n: struct.pack("<I", n)),
)
EDITS = st.lists(st.tuples(st.integers(0, 20_000), WORDS), min_size=1, max_size=8)


@given(st.sampled_from(KEPT), EDITS, st.none() | st.integers(0, 20_000))
def test_damaged_files_raise_one_exception(content: bytes, edits: list[tuple[int, bytes]], cut: int | None) -> None:
    damaged = bytearray(content)
    for position, word in edits:
        # Most positions lie in the structure, which stands before the weights.
        at = 8 + position % (len(content) - 12)
        damaged[at : at + len(word)] = word
    assert reason_of(bytes(damaged[: None if cut is None else 8 + cut % len(damaged)])).endswith(".")


@given(st.binary(max_size=400))
def test_anything_behind_the_identifier_raises_one_exception(content: bytes) -> None:
    for root in (8, 16):
        assert reason_of(struct.pack("<I4s", root, b"TFL3") + content).endswith(".")


@pytest.mark.parametrize("content", KEPT, ids=len)
def test_every_cut_is_called_truncated(content: bytes) -> None:
    whole = len(content)
    for length in range(8, whole, 1 if whole < 2_000 else 37):
        reason = reason_of(content[:length])
        if reason == READ:
            assert whole - length < 16, "more than padding was cut"
            continue
        match = re.fullmatch(r"truncated: ([\d,]+) of (at least )?([\d,]+) bytes\.", reason)
        assert match, reason
        have, need = (int(group.replace(",", "")) for group in match.group(1, 3))
        assert have == length < need <= whole


# Structures made to exhaust a reader


def table(fields: dict[int, int], *, at: int) -> bytes:
    """A vtable and its table at position `at`, each field an offset to an absolute position."""
    count = max(fields) + 1
    vtable_size, table_size = 4 + 2 * count, 4 + 4 * count
    padding = -(at + vtable_size) % 4
    start = at + vtable_size + padding
    inline = [4 + 4 * i if i in fields else 0 for i in range(count)]
    values = [fields[i] - (start + 4 + 4 * i) if i in fields else 0 for i in range(count)]
    head = struct.pack(f"<HH{count}H", vtable_size, table_size, *inline)
    return head + bytes(padding) + struct.pack(f"<i{count}I", start - at, *values)


def start_of(made: bytes, at: int) -> int:
    """Where the table that `table` made begins."""
    return at + (struct.unpack_from("<H", made)[0] + (-(at + struct.unpack_from("<H", made)[0]) % 4))


def bomb(subgraphs: int, tensors: int, name: int = 0) -> bytes:
    """So many references to one subgraph, in it so many to one tensor, whose name has so many bytes."""
    out = bytearray(struct.pack("<I4s", 0, b"TFL3"))

    def vector(count: int) -> int:
        at = len(out)
        out.extend(struct.pack("<I", count) + bytes(4 * count))
        return at

    def point(at: int, count: int, target: int) -> None:
        for i in range(count):
            position = at + 4 + 4 * i
            struct.pack_into("<I", out, position, target - position)

    def add(fields: dict[int, int]) -> int:
        made = table(fields, at=len(out))
        start = start_of(made, len(out))
        out.extend(made)
        return start

    # Offsets lead forward only, so the file is laid out from the root on, targets computed by a first pass.
    layout: dict[str, int] = {"subgraphs": 0, "graph": 0, "tensors": 0, "name": 0}
    for _ in range(2):
        out[8:] = b""
        root = add({2: layout["subgraphs"] or len(out) + 64})
        struct.pack_into("<I", out, 0, root)
        graphs = vector(subgraphs)
        graph = add({0: layout["tensors"] or len(out) + 64})
        members = vector(tensors)
        leaf = add({3: layout["name"] or len(out) + 64})
        words = len(out)
        out.extend(struct.pack("<I", name) + bytes(name))
        point(graphs, subgraphs, graph)
        point(members, tensors, leaf)
        layout = {"subgraphs": graphs, "graph": graph, "tensors": members, "name": words}
    return bytes(out)


def test_the_bomb_is_a_file_when_it_is_small() -> None:
    graph = flatbuffer.Flatbuffer(bomb(1, 2, 3), b"TFL3").root()
    assert graph is not None
    assert len(graph.tables(2, "subgraph")[0].tables(0, "tensor")) == 2


@pytest.mark.parametrize(
    ("subgraphs", "tensors", "name"), [(5_000, 5_000, 0), (1, 2_000, 100_000), (20_000, 4, 50)]
)
def test_structures_reached_many_times_are_refused(subgraphs: int, tensors: int, name: int) -> None:
    """Each of these would be read as millions of tables or gigabytes of names."""
    content = bomb(subgraphs, tensors, name)
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match="overlapping structures"):
            describe_tflite_bytes(content)
        assert tracemalloc.get_traced_memory()[1] < 100 * len(content)
    finally:
        tracemalloc.stop()


def test_regions_after_the_flatbuffer_cannot_be_reached_many_times() -> None:
    """A thousand buffers that are all the same megabyte would be a gigabyte to test for NaN."""
    far = schema.BufferT()
    far.offset, far.size = 2**17, 2**20
    tensors = [tensor([2**18], buffer=i) for i in range(1, 1_001)]
    content = model(subgraph(tensors), buffers=[far] * 1_000)
    with pytest.raises(ModelFileError, match="overlapping structures"):
        describe_tflite_bytes(content + bytes(2**17 + 2**20 - len(content)))


def test_the_number_of_tables_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flatbuffer, "MAX_TABLES", 30)
    with pytest.raises(ModelFileError, match="more than 30 tables"):
        describe_tflite_bytes(model(subgraph([tensor([1])] * 40)))
    describe_tflite_bytes(model(subgraph([tensor([1])] * 20)))


def test_the_number_of_scales_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tflite_file, "MAX_SCALES", 10)
    content = model(subgraph([tensor([8], TYPE.INT8, quantized=quantization([1] * 8, [0] * 8))]))
    with pytest.raises(ModelFileError, match="more than 10 quantization scales"):
        describe_tflite_bytes(content)


def patched(content: bytes, old: bytes, new: bytes) -> bytes:
    assert content.count(old) == 1
    return content.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        # Vector lengths: of a shape, beyond what the format can address, and beyond the file.
        (
            struct.pack("<I3i", 3, 7, 8, 9),
            struct.pack("<I3i", 2**32 - 1, 7, 8, 9),
            "damaged: .* outside of any file",
        ),
        (struct.pack("<I3i", 3, 7, 8, 9), struct.pack("<I3i", 2**28, 7, 8, 9), "truncated: "),
        (b"\x04\x00\x00\x00name", b"\xff\xff\xff\x7fname", "damaged: the name of tensor 0 points outside"),
    ],
)
def test_lengths_that_lie_are_refused(old: bytes, new: bytes, reason: str) -> None:
    with pytest.raises(ModelFileError, match=reason):
        describe_tflite_bytes(patched(model(subgraph([tensor([7, 8, 9], name="name")])), old, new))


def test_offsets_that_lead_nowhere_are_refused() -> None:
    content = model(subgraph([tensor([7])]))
    (root,) = struct.unpack_from("<I", content)
    for position, word, reason in (
        (0, struct.pack("<I", 0), "points to itself"),
        (0, struct.pack("<I", 2**31), "outside of any file"),
        (root, struct.pack("<i", INT_MAX), "outside of any file"),  # the vtable, before the start
        (root, struct.pack("<i", -(2**20)), "truncated: "),  # the vtable, past the end
    ):
        broken = bytearray(content)
        broken[position : position + 4] = word
        with pytest.raises(ModelFileError, match=reason):
            describe_tflite_bytes(bytes(broken))


def test_a_field_outside_of_its_table_is_refused() -> None:
    content = bytearray(model(subgraph([tensor([7])])))
    (root,) = struct.unpack_from("<I", content)
    vtable = root - struct.unpack_from("<i", content, root)[0]
    vtable_size, table_size = struct.unpack_from("<HH", content, vtable)
    for entry in range(vtable + 4, vtable + vtable_size, 2):
        if struct.unpack_from("<H", content, entry)[0]:
            struct.pack_into("<H", content, entry, table_size)
    with pytest.raises(ModelFileError, match="lies outside of it"):
        describe_tflite_bytes(bytes(content))


@pytest.mark.parametrize("size", [0, 2, 5])
def test_a_vtable_without_a_valid_size_is_refused(size: int) -> None:
    content = bytearray(model(subgraph([tensor([7])])))
    (root,) = struct.unpack_from("<I", content)
    struct.pack_into("<H", content, root - struct.unpack_from("<i", content, root)[0], size)
    with pytest.raises(ModelFileError, match="no valid size"):
        describe_tflite_bytes(bytes(content))


# Whole structures with references or figures that are wrong


ADD = [code()]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (model(), "no subgraph"),
        (model(subgraph([tensor([1], buffer=5)])), "tensor 0 refers to buffer 5 of 1"),
        (model(subgraph([tensor([1])], [operator([0], [0], code=2)]), codes=ADD), "operator code 2 of 1"),
        (model(subgraph([tensor([1])], [operator([1], [0])]), codes=ADD), "operator 0 refers to tensor 1 of 1"),
        (model(subgraph([tensor([1])], [operator([-2], [0])]), codes=ADD), "operator 0 refers to tensor -2"),
        (model(subgraph([tensor([1])], inputs=[1])), "input or output is tensor 1 of 1"),
        (model(subgraph([tensor([1])], outputs=[-1])), "input or output is tensor -1"),
        (model(subgraph([tensor([1] * 33)])), "declares 33 dimensions"),
    ],
)
def test_references_to_nothing_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ModelFileError, match=reason):
        describe_tflite_bytes(content)


def with_signature(graph: int, index: int) -> bytes:
    argument, signature = schema.TensorMapT(), schema.SignatureDefT()
    argument.name, argument.tensorIndex = "x", index
    signature.signatureKey, signature.subgraphIndex, signature.inputs = "run", graph, [argument]
    return model(subgraph([tensor([1])]), signatureDefs=[signature])


def test_signatures_of_nothing_are_refused() -> None:
    assert describe_tflite_bytes(with_signature(0, 0)).signatures[0].inputs == {"x": "t"}
    for content, reason in ((with_signature(3, 0), "subgraph 3 of 1"), (with_signature(0, 3), "tensor 3 of 1")):
        with pytest.raises(ModelFileError, match=reason):
            describe_tflite_bytes(content)


def test_metadata_of_nothing_is_refused() -> None:
    note = schema.MetadataT()
    note.name, note.buffer = "min_runtime_version", 9
    with pytest.raises(ModelFileError, match="refers to buffer 9 of 1"):
        describe_tflite_bytes(model(subgraph([tensor([1])]), metadata=[note]))


NAN = float("nan")


@pytest.mark.parametrize(
    ("entry", "stored", "warning"),
    [
        (tensor([-5, 2]), b"", "has a negative dimension: (-5, 2)."),
        (tensor([1, 2], shapeSignature=[-7, 2]), b"", "has a negative dimension: (-7, 2)."),
        (tensor([1, INT_MAX]), b"", "would take 8,589,934,588 bytes: (1, 2147483647)."),
        (tensor([INT_MAX] * 8), b"", f"would take {4 * INT_MAX**8:,} bytes: {(INT_MAX,) * 8}."),
        (tensor([3], buffer=1), bytes(8), "stores 8 bytes, which do not fill its shape (3,)."),
        (
            tensor([2], buffer=1),
            np.array([NAN, 1], "<f4").tobytes(),
            "holds 1 values that are not finite.",
        ),
        (
            tensor([2], TYPE.FLOAT16, 1),
            np.array([np.inf, NAN], "<f2").tobytes(),
            "holds 2 values that are not finite.",
        ),
        (
            tensor([4], TYPE.INT8, quantized=quantization([NAN])),
            b"",
            "has a quantization scale that is not a positive number.",
        ),
        (
            tensor([4], TYPE.INT8, quantized=quantization([np.inf])),
            b"",
            "has a quantization scale that is not a positive number.",
        ),
        (
            tensor([4], TYPE.INT8, quantized=quantization([0.0])),
            b"",
            "has a quantization scale that is not a positive number.",
        ),
        (
            tensor([4, 3], TYPE.INT8, quantized=quantization([1, 1], dimension=1)),
            b"",
            "has 2 quantization scales along dimension 1 of (4, 3).",
        ),
        (
            tensor([4, 3], TYPE.INT8, quantized=quantization([1, 1], dimension=-1)),
            b"",
            "has 2 quantization scales along dimension -1 of (4, 3).",
        ),
        (
            tensor([2], TYPE.INT8, quantized=quantization([1, 1], [0, 0, 0])),
            b"",
            "has 2 quantization scales and 3 zero points.",
        ),
    ],
)
def test_figures_that_cannot_be_are_warned_about(entry: Any, stored: bytes, warning: str) -> None:
    found = describe_tflite_bytes(model(subgraph([entry]), buffers=[stored] if stored else []))
    assert found.warnings == (f"tensor 0 't' {warning}",)


def test_what_the_bytes_do_not_back_is_not_counted() -> None:
    """A shape of INT_MAX on 8 stored bytes is two parameters."""
    found = describe_tflite_bytes(model(subgraph([tensor([INT_MAX, INT_MAX], buffer=1)]), buffers=[bytes(8)]))
    assert (found.parameters, found.weight_bytes) == (2, 8)


def test_scales_along_a_dimension_that_is_not_there_are_warned_about() -> None:
    """Seen in public files, where a bias has its kernel's dimension; interpreters refuse them."""
    bias = tensor([2], TYPE.INT32, 1, quantized=quantization([1, 1], [0, 0], dimension=3))
    found = describe_tflite_bytes(model(subgraph([bias]), buffers=[bytes(8)]))
    assert found.warnings == ("tensor 0 't' has 2 quantization scales along dimension 3 of (2,).",)


def test_newer_schemas_are_described_with_a_warning() -> None:
    found = describe_tflite_bytes(model(subgraph([tensor([1], dtype=99)]), version=4))
    assert found.warnings == (
        "schema version 4; interpreters take version 3 only.",
        "tensor types newer than this reader: type 99.",
    )


def test_newer_operators_keep_their_number() -> None:
    graph = subgraph([tensor([1])], [operator([0], [0])])
    assert describe_tflite_bytes(model(graph, codes=[code(9999)])).operators[0].name == "BUILTIN_9999"


def test_the_number_of_warnings_is_limited() -> None:
    found = describe_tflite_bytes(model(subgraph([tensor([-5])] * 50)))
    assert len(found.warnings) == tflite_warnings.MAX_WARNINGS
    assert found.warnings[-1] == "… and 31 more warnings."
