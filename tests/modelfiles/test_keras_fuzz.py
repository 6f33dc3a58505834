"""Any change to the bytes of a Keras file ends in a description or in one sentence: no other error, no hang,
no memory beyond a stated multiple of the file.
"""

from __future__ import annotations

import json
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import modelfiles
from modelfiles import ModelFileError
from modelfiles.forward import load
from tests.modelfiles.keras_files import (
    CONFIG,
    DATA,
    WEIGHTS,
    cpu_limit,
    entries,
    expected,
    label,
    mutate,
    mutations,
    write_zip,
)

MEMORY_FACTOR = 32
"""Bytes of memory for each byte of file: a zip entry may grow twentyfold, JSON again as objects."""
MEMORY_BASE = 4_000_000
FILES = [
    DATA / "keras-2.12" / "logistic.h5",
    DATA / "keras-2.12" / "graph.h5",
    DATA / "keras-2.13" / "graph.keras",
    DATA / "keras-3.15" / "graph.keras",
    DATA / "keras-3.15" / "logistic.weights.h5",
]
FOLDERS = [
    DATA / "keras-2.12" / "linear_saved_model",
    DATA / "keras-2.15" / "logistic_export",
    DATA / "keras-3.15" / "logistic_export",
]


def read_all(path: Path, x: Any = None) -> None:
    """Everything that is done with a file; only ModelFileError, one sentence, may come of it."""
    tracemalloc.start()
    try:
        with cpu_limit(60):
            modelfiles.describe(path)
            modelfiles.weights(path)
            model = load(path)
            if x is not None:
                model.predict(x)
    except ModelFileError as error:
        assert str(error).startswith(str(path)) or x is not None  # noqa: PT017 - most changes raise, some do not
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    size = sum(part.stat().st_size for part in ([path] if path.is_file() else path.rglob("*")))
    assert peak < MEMORY_FACTOR * size + MEMORY_BASE


@pytest.mark.parametrize("source", FILES, ids=label)
@given(changes=mutations)
def test_changed_file(tmp_path_factory: pytest.TempPathFactory, source: Path, changes: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "changed"
    path.write_bytes(mutate(source.read_bytes(), changes))
    read_all(path)


@pytest.mark.parametrize("part", [CONFIG, WEIGHTS])
@given(changes=mutations)
def test_changed_part_of_an_archive(tmp_path_factory: pytest.TempPathFactory, part: str, changes: Any) -> None:
    """The archive is whole, its checksums right: what it holds is not."""
    contents = entries(DATA / "keras-3.15" / "graph.keras")
    path = tmp_path_factory.getbasetemp() / "changed.keras"
    read_all(write_zip(path, contents | {part: mutate(contents[part], changes)}))


@pytest.mark.parametrize("source", FOLDERS, ids=label)
@given(
    part=st.sampled_from(["saved_model.pb", "keras_metadata.pb", "variables.index", "variables.data"]),
    changes=mutations,
)
@settings(max_examples=settings.default.max_examples * 2)
def test_changed_saved_model(
    tmp_path_factory: pytest.TempPathFactory, source: Path, part: str, changes: Any
) -> None:
    folder = tmp_path_factory.getbasetemp() / "changed_folder"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    for path in folder.rglob(f"{part}*"):
        path.write_bytes(mutate(path.read_bytes(), changes))
    read_all(folder)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, as keys and indices from the top."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


ODD = st.one_of(
    st.sampled_from(
        [
            None,
            True,
            False,
            -1,
            0,
            1,
            2,
            3,
            65_535,
            2**31 - 1,
            10**30,
            10**400,
            0.5,
            1e300,
            float("nan"),
            float("inf"),
        ]
    ),
    st.sampled_from(["", "x", "same", "relu", "channels_first", "Lambda", "Dense", "Conv2D", "Sequential", "Add"]),
    st.sampled_from(
        [[], {}, [1], [2, 2], [-1], [[1, 0], [0, 1]], ["picture", 0, 0], [["twice", 5, 5]], {"items": 1}]
    ),
)
CONFIGURATION: dict[str, Any] = json.loads(entries(DATA / "keras-3.15" / "graph.keras")[CONFIG])
PLACES = [place for place in places(CONFIGURATION) if place and not any("initializer" in str(key) for key in place)]


@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), st.booleans(), ODD), min_size=1, max_size=4))
@settings(max_examples=settings.default.max_examples * 2)
def test_configuration_with_odd_values(tmp_path_factory: pytest.TempPathFactory, changes: Any) -> None:
    """JSON that is valid and senseless: through to the prediction, where there is one."""
    source = DATA / "keras-3.15" / "graph.keras"
    configuration = json.loads(json.dumps(CONFIGURATION))
    for (*above, last), remove, value in changes:
        place = configuration
        try:
            for key in above:
                place = place[key]
            if remove:
                del place[last]
            else:
                place[last] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    path = tmp_path_factory.getbasetemp() / "odd.keras"
    write_zip(path, entries(source) | {CONFIG: json.dumps(configuration).encode()})
    read_all(path, np.asarray(expected(source, "x")))
