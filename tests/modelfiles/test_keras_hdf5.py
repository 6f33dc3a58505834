"""The HDF5 reader reads what h5py writes, and refuses what Keras never writes; h5py is the judge here only."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import modelfiles
from modelfiles import ModelFileError
from modelfiles.arrays import StoredArray
from modelfiles.hdf5 import Group, Hdf5File
from modelfiles.source import Source
from tests.modelfiles.keras_files import DATA, cpu_limit

NAMES = st.text("abcäöü_:0 1", min_size=1, max_size=12).filter(lambda name: name.strip(". ") == name)
TYPES = st.sampled_from(["<f2", "<f4", "<f8", ">f4", "i1", "<i4", ">i8", "u1", "<u2", "?"])
ARRAYS = TYPES.flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
)
TEXTS = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=30)
TREES = st.recursive(ARRAYS, lambda inner: st.dictionaries(NAMES, inner, max_size=12), max_leaves=30)


def write(group: h5py.Group, tree: dict[str, Any]) -> None:
    for name, value in tree.items():
        if isinstance(value, dict):
            write(group.create_group(name), value)
        else:
            group[name] = value


def found(group: Group) -> dict[str, Any]:
    """The whole file below a group, as nested dictionaries."""
    tree: dict[str, Any] = {}
    for name in group.names:
        inner = group.group(name)
        assert inner is not None
        tree[name] = stored(group, name).read() if inner.is_array else found(inner)
    return tree


def crowded(tree: dict[str, Any], newer: bool) -> bool:
    """Whether a group in HDF5's newer form has more than the eight members that it keeps in the group itself.

    HDF5 takes the newer form, whatever it was asked for, in a group with a name that is not ASCII.
    """
    taken = newer or not all(name.isascii() for name in tree)
    return (taken and len(tree) > 8) or any(
        crowded(value, newer) for value in tree.values() if isinstance(value, dict)
    )


def stored(group: Group, path: str) -> StoredArray:
    array = group.array(path)
    assert array is not None
    return array


def same(first: Any, second: Any) -> bool:
    if isinstance(first, dict):
        return (
            isinstance(second, dict) and set(first) == set(second) and all(same(first[k], second[k]) for k in first)
        )
    return (
        first.shape == second.shape
        and first.dtype == second.dtype.newbyteorder("=")
        and first.tobytes() == (second.astype(second.dtype.newbyteorder("=")).tobytes())
    )


def open_root(path: Path) -> Group:
    return Hdf5File(Source(path)).root


@pytest.mark.parametrize("libver", ["earliest", "v108"])
@given(tree=st.dictionaries(NAMES, TREES, max_size=4), texts=st.lists(TEXTS, max_size=5), text=TEXTS)
@settings(max_examples=settings.default.max_examples // 2)
def test_any_tree_that_h5py_writes(
    tmp_path_factory: pytest.TempPathFactory,
    libver: str,
    tree: dict[str, Any],
    texts: list[str],
    text: str,
) -> None:
    """Groups, arrays of every type that a weight has, texts of both kinds; both generations of headers."""
    path = tmp_path_factory.getbasetemp() / "tree.h5"
    with h5py.File(path, "w", libver=(libver, "latest")) as file:
        write(file, tree)
        file.attrs["one"] = text
        file.attrs["many"] = np.array([item.encode() for item in texts]) if texts else np.array([], "S1")
        file.attrs["lengths"] = np.array(texts, h5py.string_dtype())
    with pytest.raises(ModelFileError, match="newer form") if crowded(tree, libver == "v108") else nullcontext():
        root = open_root(path)
        assert same(found(root), tree)
        assert (root.text("one") or "") == text
        assert list(root.texts("many") or ()) == texts
        assert list(root.texts("lengths") or ()) == texts


def test_many_members_and_long_texts(tmp_path: Path) -> None:
    """A group whose index has several levels, and an attribute longer than an object header holds."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number in range(3000):
            file.create_group(f"layer_{number}")
        file["layer_7/kernel"] = np.arange(5, dtype="f4")
        file.attrs["model_config"] = "x" * 300_000
    root = open_root(tmp_path / "a.h5")
    assert set(root.names) == {f"layer_{number}" for number in range(3000)}
    assert root.text("model_config") == "x" * 300_000
    assert stored(root, "layer_7/kernel").read().tolist() == [0, 1, 2, 3, 4]


def test_after_a_block_of_the_writers_own(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w", userblock_size=1024) as file:
        file["kernel"] = np.arange(5, dtype="f4")
    assert stored(open_root(tmp_path / "a.h5"), "kernel").read().tolist() == [0, 1, 2, 3, 4]


def hostile(path: Path, make: Any) -> Path:
    """A Keras model whose kernel is replaced by what `make(group)` puts there."""
    path.write_bytes((DATA / "keras-2.12" / "logistic.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        group = file["model_weights/dense/dense"]
        del group["kernel:0"]
        make(group)
    return path


def soft_link(group: h5py.Group) -> None:
    group["kernel:0"] = h5py.SoftLink("/model_weights/dense/dense/bias:0")


def external_link(group: h5py.Group) -> None:
    group["kernel:0"] = h5py.ExternalLink("/etc/passwd", "/kernel")


def external_file(group: h5py.Group) -> None:
    group.create_dataset("kernel:0", (2, 1), "f4", external=[("/etc/passwd", 0, 8)])


def virtual(group: h5py.Group) -> None:
    layout = h5py.VirtualLayout((2, 1), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "kernel", (2, 1))
    group.create_virtual_dataset("kernel:0", layout)


def bomb(group: h5py.Group) -> None:
    group.create_dataset("kernel:0", (2**31, 2**10), "f4")  # 8 TiB declared, nothing stored


def chunks(group: h5py.Group) -> None:
    group.create_dataset("kernel:0", (2, 1), "f4", chunks=(1, 1))


def compressed(group: h5py.Group) -> None:
    group.create_dataset("kernel:0", (2**20, 1), "f4", compression="gzip")


def record(group: h5py.Group) -> None:
    group["kernel:0"] = np.zeros(2, [("a", "f4"), ("b", "i4")])


def text(group: h5py.Group) -> None:
    group["kernel:0"] = "not a number"


def complex_numbers(group: h5py.Group) -> None:
    group["kernel:0"] = np.zeros((2, 1), "c8")


def absent(group: h5py.Group) -> None:
    group.attrs["nothing"] = 1


HOSTILE = {
    soft_link: "is a link",
    external_link: "is a link|newer form",
    external_file: "in another file",
    virtual: "virtual|newer form",
    bomb: "declares 8,796,093,022,208 bytes",
    chunks: "in chunks",
    compressed: "compressed",
    record: "no numbers",
    text: "no numbers",
    complex_numbers: "no numbers",
    absent: "listed but not there",
}


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_what_keras_never_writes_is_refused(tmp_path: Path, make: Any) -> None:
    path = hostile(tmp_path / "model.h5", make)
    with pytest.raises(ModelFileError, match=HOSTILE[make]):
        modelfiles.describe(path)


def test_a_group_in_itself_ends(tmp_path: Path) -> None:
    """The optimizer's state is walked through, so a circle of hard links there must end."""
    path = hostile(
        tmp_path / "model.h5", lambda group: group.create_dataset("kernel:0", data=np.ones((2, 1), "f4"))
    )
    with h5py.File(path, "r+") as file:
        for number in range(6):
            file[f"optimizer_weights/again{number}"] = file["optimizer_weights"]
    with cpu_limit(60), pytest.raises(ModelFileError, match="in circles"):
        modelfiles.describe(path)


def test_arrays_that_overlap_are_refused(tmp_path: Path) -> None:
    """Two headers of the same bytes: each is honest, together they multiply the file."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.zeros(5000, "f4")
        file["b"] = np.ones(5000, "f4")
        address = file["a"].id.get_offset(), file["b"].id.get_offset()
    content = path.read_bytes()
    content = content.replace(address[1].to_bytes(8, "little"), address[0].to_bytes(8, "little"))
    content = content[: -len(np.zeros(5000, "f4").tobytes())]  # b's own bytes, at the end, are not needed now
    end = len(content).to_bytes(8, "little")
    path.write_bytes(content[:40] + end + content[48:])
    root = open_root(path)
    stored(root, "a")
    with pytest.raises(ModelFileError, match="more bytes than the file has"):
        stored(root, "b")


def test_a_hard_link_is_the_same_array(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = np.zeros(5000, "f4")
        file["b"] = file["a"]
    root = open_root(tmp_path / "a.h5")
    assert stored(root, "a").identity == stored(root, "b").identity


def test_too_much_metadata(tmp_path: Path) -> None:
    """A thousand references to one long text: read once each, they would be 300 MB."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["many"] = np.array(["y" * 300_000, *["z"] * 999], h5py.string_dtype())
    content = path.read_bytes()
    start = content.index((300_000).to_bytes(4, "little"))  # of the references: length, place, number
    path.write_bytes(content[:start] + content[start : start + 16] * 1000 + content[start + 16_000 :])
    with pytest.raises(ModelFileError, match="too much metadata"):
        open_root(path).texts("many")


def test_names_split_over_several_attributes(tmp_path: Path) -> None:
    """Keras splits a list of names that exceeds 64 KiB; every part is read."""
    path = tmp_path / "model.h5"
    names = [f"layer_{number}_{'x' * 50}" for number in range(2000)]
    with h5py.File(path, "w") as file:
        group = file.create_group("model_weights")
        for part in range(4):
            group.attrs[f"layer_names{part}"] = np.array([n.encode() for n in names[part * 500 : part * 500 + 500]])
        for name in names:
            layer = group.create_group(name)
            layer.attrs["weight_names"] = [f"{name}/kernel".encode()]
            layer[f"{name}/kernel"] = np.zeros(1, "f4")
    assert list(modelfiles.weights(path)) == names


def test_bfloat16(tmp_path: Path) -> None:
    """Kept as opaque pairs of bytes: the upper half of a float32."""
    values = np.array([1.5, -2.0, 3e38], "f4")
    halves = (values.view("u4") >> 16).astype("u2").view("V2")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["kernel"] = halves
    array = stored(open_root(tmp_path / "a.h5"), "kernel")
    assert array.dtype == "bfloat16"
    np.testing.assert_allclose(array.read(), values, rtol=2**-8)
