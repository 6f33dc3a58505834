"""Keras files for the tests: the kept ones that Keras made, and hostile ones made of them."""

from __future__ import annotations

import json
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

DATA = Path(__file__).parent / "data"
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"

KEPT = sorted(path for path in DATA.glob("keras-*/*") if path.name != "expected.npz")
"""Every model file and SavedModel folder in `data/`, as Keras made them."""
WITH_ARCHITECTURE = [path for path in KEPT if not path.name.endswith(("_export", ".weights.h5"))]


def label(path: Path) -> str:
    """`keras-2.12/linear.keras`."""
    return f"{path.parent.name}/{path.name}"


def expected(path: Path, what: str) -> Any:
    """What Keras said of a kept file: its input `x`, its output `y`, its number of `parameters`."""
    model = path.name.split(".")[0].split("_")[0]
    with np.load(path.parent / "expected.npz") as answers:
        return answers[f"{model}.{what}"]


def entries(path: Path) -> dict[str, bytes]:
    """The contents of a zip archive."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_zip(path: Path, contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """A zip archive with these contents."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


def edit_config(source: Path, target: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a `.keras` archive with its configuration changed by `edit`."""
    contents = entries(source)
    configuration = json.loads(contents[CONFIG])
    edit(configuration)
    return write_zip(target, contents | {CONFIG: json.dumps(configuration).encode()})


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """End what loops: processor time, not the clock, so that a busy machine changes nothing."""

    def stop(_signal: int, _frame: object) -> None:
        raise AssertionError(f"not done after {seconds} s of processor time")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


_BYTES = st.one_of(
    st.binary(min_size=1, max_size=8),
    st.sampled_from([b"\xff" * 8, b"\0" * 8, b"\x7f", (2**31 - 1).to_bytes(8, "little")]),
    st.integers(0, 2**40).map(lambda number: number.to_bytes(8, "little")),
)
mutations = st.lists(
    st.tuples(st.sampled_from(["set", "set", "set", "insert", "delete", "cut"]), st.floats(0, 1), _BYTES),
    min_size=1,
    max_size=6,
)
"""Changes to bytes, their places as a share of the length."""


def mutate(content: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    """The content with the changes made."""
    data = bytearray(content)
    for how, share, new in changes:
        place = int(share * max(0, len(data) - 1))
        if how == "set":
            data[place : place + len(new)] = new
        elif how == "insert":
            data[place:place] = new
        elif how == "delete":
            del data[place : place + len(new)]
        else:
            del data[place:]
    return bytes(data)
