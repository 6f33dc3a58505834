"""What every reader of a Keras format hands on: an architecture, and stored arrays by layer path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelfiles.architecture import Node
from modelfiles.arrays import StoredArray
from modelfiles.description import KerasFormat, Shape

ArraysByLayer = Mapping[str, tuple[StoredArray, ...]]

UNKNOWN = "unknown"
"""The kind of a layer or model whose class is not in the file."""


@dataclass(frozen=True)
class Opened:
    """An open model file.

    `arrays` has an entry for each layer with variables: layer names joined by "/", arrays in Keras's order; a layer
    that stands in several places has several entries with arrays of the same identity. `complete` is False where
    the file holds no architecture (weights alone, an exported SavedModel): then `architecture` is what the names
    of the arrays tell. `frozen` holds identities of variables that training does not change, where the file itself
    lists them. `optimizer_variables` counts elements.
    """

    format: KerasFormat
    saved_by: str | None
    architecture: Node
    arrays: ArraysByLayer
    complete: bool = True
    optimizer_variables: int = 0
    inputs: tuple[Shape, ...] = ()
    frozen: frozenset[object] = frozenset()
    warnings: tuple[str, ...] = ()
    learning_rate: float | None = None


def loose_model(arrays: ArraysByLayer, kinds: Mapping[str, str] | None = None) -> Node:
    """An architecture made of nothing but the paths of layers, each below the model itself."""
    kinds = kinds or {}
    children = tuple(
        Node(name=path, kind=kinds.get(path, UNKNOWN), module=None, config={}, trainable=True) for path in arrays
    )
    return Node(name="", kind=UNKNOWN, module=None, config={}, trainable=True, children=children)
