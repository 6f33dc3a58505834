"""SavedModel folders: a graph (`saved_model.pb`), variables as a checkpoint, and for Keras 2 its configuration.

Keras 2's `save_format="tf"` adds `keras_metadata.pb`, from which the architecture is read, and tracks each layer as
`layer-<i>` with its variables. `model.export` writes no architecture: what remains are the variables in the order
of the layers, as `variables/<i>`; Keras 3 keeps a second, scrambled copy of all of them as `_all_variables/<i>`.
A graph is a program, so it is only looked through for operations that reach outside the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any

from modelfiles.architecture import Node, parse_architecture, parse_json
from modelfiles.arrays import StoredArray
from modelfiles.description import Shape
from modelfiles.errors import ModelFileError
from modelfiles.kinds import cautions, foreign_objects
from modelfiles.opened import ArraysByLayer, Opened, loose_model
from modelfiles.protos import parse
from modelfiles.source import Source
from modelfiles.tensor_bundle import TensorBundle, varint

MAX_PB_BYTES = 32 * 1024 * 1024
"""Decoding takes up to some thirty bytes of memory for each; graphs of Keras models have under ten megabytes."""
MAX_LISTED = 1000

_GRAPH, _METADATA, _VARIABLES = "saved_model.pb", "keras_metadata.pb", "variables"
_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_NO_WEIGHTS = ("_all_variables/", "optimizer/", "keras_api/", "save_counter")
_REACHING_OUT = frozenset(
    {
        "EagerPyFunc",
        "InitializeTableFromTextFile",
        "InitializeTableFromTextFileV2",
        "MatchingFiles",
        "PyFunc",
        "PyFuncStateless",
        "ReadFile",
        "WriteFile",
        "XlaLaunch",
    }
)


@contextmanager
def open_saved_model(folder: Path) -> Iterator[Opened]:
    """The model in a SavedModel folder."""
    if not (folder / _GRAPH).is_file():
        raise ModelFileError(_other_folder(folder))
    saved = parse("SavedModel", _read(folder / _GRAPH), _GRAPH)
    if len(saved.meta_graphs) == 0:
        raise ModelFileError(f"damaged: {_GRAPH} in it holds no graph.")
    graph = saved.meta_graphs[0]
    prefix = folder / _VARIABLES / _VARIABLES
    if not prefix.with_name("variables.index").is_file():
        raise ModelFileError("a SavedModel folder without variables/variables.index: hand in the whole folder.")
    bundle = TensorBundle(prefix)
    try:
        yield _opened(folder, graph, bundle)
    finally:
        bundle.close()


def _read(path: Path) -> bytes:
    with Source(path) as source:
        if source.size > MAX_PB_BYTES:
            raise ModelFileError(f"refused: {path.name} has {source.size:,} bytes; {MAX_PB_BYTES:,} is the most.")
        data = bytes(source.read(0, source.size))
    if path.name == _GRAPH and data[:3] == b"\x08\x01\x12":
        length, start = varint(data, 3)  # the graph is the file's one field, so its end is known from the start
        if start + length > len(data):
            raise ModelFileError(
                f"truncated: {path.name} has {len(data):,} of {start + length:,} bytes; save or download it again."
            )
    return data


def _other_folder(folder: Path) -> str:
    """What a folder without a graph is."""
    found = sorted(entry.name for entry in islice(folder.iterdir(), MAX_LISTED))
    if "saved_model.pbtxt" in found:
        return "a SavedModel folder in text form: save it with model.export."
    for name in found:
        if name.endswith((".keras", ".h5", ".tflite")):
            return f"a folder, but no SavedModel: it holds {name!r}; give that file."
        if (folder / name / _GRAPH).is_file():
            return f"a folder, but no SavedModel: {name!r} in it is one; give that folder."
    if _VARIABLES in found:
        return f"a SavedModel folder without {_GRAPH}: hand in the whole folder."
    return f"a folder, but no SavedModel: it has no {_GRAPH}."


def _opened(folder: Path, graph: Any, bundle: TensorBundle) -> Opened:
    tracked = _Tracked(bundle)
    version, configuration = _configuration(folder)
    warnings = tuple(_hazards(graph))
    optimizer = sum(bundle.elements(key) for key in bundle.entries if _is_optimizer(key))
    if configuration is not None:
        architecture = parse_architecture(configuration)
        if architecture.is_model:
            warnings += (*cautions(architecture), *foreign_objects(configuration))
            layers = dict(_tracked_arrays(architecture, tracked, 0, ""))
            return Opened(
                "savedmodel", version, architecture, layers, optimizer_variables=optimizer, warnings=warnings
            )
    keys = tracked.list_of("variables") or _plain_keys(bundle)
    trained = tracked.list_of("trainable_variables")
    arrays = _by_name(tracked, keys)
    return Opened(
        "savedmodel",
        version,
        loose_model(arrays),
        arrays,
        complete=False,
        optimizer_variables=optimizer,
        inputs=tuple(_signature_inputs(graph)),
        frozen=frozenset(keys) - frozenset(trained) if trained else frozenset(),
        warnings=warnings,
    )


def _is_optimizer(key: str) -> bool:
    return key.startswith(("optimizer/", "_optimizer/")) or "/.OPTIMIZER_SLOT/" in key


def _configuration(folder: Path) -> tuple[str | None, dict[str, Any] | None]:
    """(Keras version, the model's configuration) from Keras 2's metadata; None where there are none."""
    path = folder / _METADATA
    if not path.is_file():
        return None, None
    for node in parse("SavedMetadata", _read(path), _METADATA).nodes:
        if node.node_path == "root":
            metadata = parse_json(node.metadata, _METADATA)
            version, config = metadata.get("keras_version"), metadata.get("model_config")
            return version if isinstance(version, str) else None, config if isinstance(config, dict) else None
    return None, None


def _hazards(graph: Any) -> Iterator[str]:
    """One sentence for each kind of operation that reaches outside the model."""
    nodes = chain(graph.graph.nodes, *(function.nodes for function in graph.graph.library.functions))
    for name in sorted({node.op for node in nodes} & _REACHING_OUT):
        yield f"its graph has the operation {name}, which reaches outside the model when it is run."


def _signature_inputs(graph: Any) -> Iterator[Shape]:
    for entry in graph.signatures:
        if entry.key == "serving_default":
            for tensor in sorted(entry.value.inputs, key=lambda tensor: tensor.key):
                shape = tensor.value.shape
                if not shape.unknown_rank:
                    yield tuple(None if size.size < 0 else size.size for size in shape.dims)


class _Tracked:
    """The objects that were saved: a graph of nodes with named children, whose leaves are variables."""

    def __init__(self, bundle: TensorBundle) -> None:
        self._bundle = bundle
        data = bundle.text(_OBJECTS)
        self._nodes = parse("ObjectGraph", data, _OBJECTS).nodes if data is not None else []
        self.names: dict[str, str] = {}
        for node in self._nodes:
            for attribute in node.attributes:
                self.names[attribute.checkpoint_key] = attribute.full_name.removesuffix(":0")

    def child(self, node: int, name: str) -> int | None:
        """The number of a node's child of that name."""
        if not 0 <= node < len(self._nodes):
            return None
        return next((child.node_id for child in self._nodes[node].children if child.local_name == name), None)

    def list_of(self, name: str, node: int = 0) -> list[str]:
        """Checkpoint keys of the variables in a node's list of that name, in the list's order."""
        wrapper = self.child(node, name)
        if wrapper is None or not 0 <= wrapper < len(self._nodes):
            return []
        items = [child for child in self._nodes[wrapper].children if child.local_name.isdecimal()]
        ids = [child.node_id for child in sorted(items, key=lambda child: int(child.local_name[:9]))]
        return [
            attribute.checkpoint_key
            for item in ids
            if 0 <= item < len(self._nodes)
            for attribute in self._nodes[item].attributes
            if attribute.name == "VARIABLE_VALUE"
        ]

    def array(self, key: str) -> StoredArray | None:
        """The variable of that key, under the last part of its own name."""
        return self._bundle.array(key, self.names.get(key, key.removesuffix(_VALUE)).split("/")[-1])


def _tracked_arrays(
    model: Node, tracked: _Tracked, node: int, path: str
) -> Iterator[tuple[str, tuple[StoredArray, ...]]]:
    """Arrays by layer path: a stack does not track its input layer, a graph does."""
    layers = [child for child in model.children if model.is_graph or child.kind != "InputLayer"]
    for index, layer in enumerate(layers):
        found = tracked.child(node, f"layer-{index}")
        if found is None:
            continue
        below = f"{path}/{layer.name}" if path else layer.name
        if layer.is_model:
            yield from _tracked_arrays(layer, tracked, found, below)
        elif arrays := tuple(filter(None, map(tracked.array, tracked.list_of("variables", found)))):
            yield below, arrays


def _plain_keys(bundle: TensorBundle) -> list[str]:
    """Keys of a checkpoint that no list puts in order, but those of training and of second copies."""
    return [key for key in bundle.entries if not key.startswith(_NO_WEIGHTS) and not _is_optimizer(key)]


def _by_name(tracked: _Tracked, keys: list[str]) -> ArraysByLayer:
    """Variables by the layer that their names begin with, in the order of the keys."""
    names = [tracked.names.get(key, key.removesuffix(_VALUE)).split("/") for key in keys]
    # Keras 3 may put the model's own name before a layer's: it says nothing where all have it.
    if len({name[0] for name in names}) == 1 and all(len(name) > 2 for name in names):
        names = [name[1:] for name in names]
    arrays: dict[str, tuple[StoredArray, ...]] = {}
    for key, name in zip(keys, names, strict=True):
        if (array := tracked.array(key)) is not None:
            layer = "/".join(name[:-1]) or name[-1]
            arrays[layer] = (*arrays.get(layer, ()), array)
    return arrays
