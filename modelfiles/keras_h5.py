"""Weights in HDF5 files, in the two layouts that Keras has had, brought to layers of an architecture.

By name (`.h5`, and what Keras 2.12 calls `.keras`): a group for each layer, named as the layer; its attribute
`weight_names` lists the arrays, those of a nested model all together.

By class (`model.weights.h5` in a `.keras` zip, `.weights.h5`): below `layers` (Keras 2.12 and 2.13:
`_layer_checkpoint_dependencies`) a group for each layer, named by its class in snake case and counted; in it
`vars/0`, `vars/1` …, and for a nested model again `layers`. Metrics and the optimizer have groups beside it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from modelfiles.architecture import Node, learning_rate, parse_architecture, parse_json
from modelfiles.arrays import StoredArray
from modelfiles.errors import ModelFileError
from modelfiles.hdf5 import Group
from modelfiles.kinds import KERAS_LAYERS, cautions, foreign_objects, weight_names
from modelfiles.opened import UNKNOWN, ArraysByLayer, Opened, loose_model

_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
_STATE_OF_TRAINING = frozenset(
    {"vars", "metrics", "optimizer", "_metrics", "seed_generator", "_random_generator", "random_generator"}
)
TOP_LEVEL = "top_level_model_weights"
"""Keras's own name for variables that a model has beside its layers'."""
MAX_CHUNKS = 1000
"""Keras splits a list of names that exceeds 64 KiB over attributes `weight_names0`, `weight_names1` …"""
MAX_NESTING = 16


def open_h5(root: Group) -> Opened:
    """A `.h5` file: a whole model by name, or weights alone in either layout."""
    named = root.group("model_weights") or (root if _names(root, "layer_names") is not None else None)
    version = root.text("keras_version") or (named.text("keras_version") if named else None)
    if named is None:
        if not any(container in root for container in _CONTAINERS):
            raise ModelFileError("an HDF5 file, but no Keras model: it holds neither layers nor a configuration.")
        architecture, arrays = loose_by_class(root)
        return Opened("weights-h5", version, architecture, arrays, False, optimizer_elements(root))
    optimizer = _elements(root.group("optimizer_weights"))
    text = root.text("model_config")
    if text is None:
        arrays = dict(_loose_by_name(named))
        return Opened("weights-h5", version, loose_model(arrays), arrays, False, optimizer)
    configuration = parse_json(text, "configuration")
    architecture = parse_architecture(configuration)
    if not architecture.is_model:
        raise ModelFileError(f"damaged: its configuration, of class {architecture.kind!r}, lists no layers.")
    arrays = dict(_by_name(architecture, named))
    warnings = (*cautions(architecture), *foreign_objects(configuration))
    training = root.text("training_config")
    return Opened(
        "h5",
        version,
        architecture,
        arrays,
        optimizer_variables=optimizer,
        warnings=warnings,
        learning_rate=learning_rate(parse_json(training, "training configuration")) if training else None,
    )


def _names(group: Group, attribute: str) -> tuple[str, ...] | None:
    """A list of names that may be split over numbered attributes."""
    names = group.texts(attribute)
    if names is not None or group.texts(f"{attribute}0") is None:
        return names
    parts: list[str] = []
    for chunk in range(MAX_CHUNKS):
        part = group.texts(f"{attribute}{chunk}")
        if part is None:
            break
        parts.extend(part)
    return tuple(parts)


def _arrays(group: Group) -> Iterator[StoredArray]:
    """The arrays that a layer's group lists, named by their path below it."""
    for path in _names(group, "weight_names") or ():
        array = group.array(path)
        if array is None:
            raise ModelFileError(f"damaged: the array {path!r} is listed but not there.")
        yield replace(array, name=path.removesuffix(":0"))


def _loose_by_name(named: Group) -> Iterator[tuple[str, tuple[StoredArray, ...]]]:
    for layer in _names(named, "layer_names") or ():
        group = named.group(layer)
        if group is not None and (arrays := tuple(_arrays(group))):
            yield layer, tuple(replace(array, name=array.name.split("/")[-1]) for array in arrays)


def _by_name(model: Node, named: Group) -> Iterator[tuple[str, tuple[StoredArray, ...]]]:
    """Arrays by layer path, in the layout by name."""
    originals: dict[str, StoredArray] = {}
    for layer in model.children:
        group = named.group(layer.name)
        if group is None:
            continue
        found: dict[str, list[StoredArray]] = {}
        leaves = [(layer.name, layer), *((f"{layer.name}/{path}", node) for path, node in layer.walk())]
        for array in _arrays(group):
            path = _owner(array.name, leaves) if layer.is_model else layer.name
            first = originals.setdefault(_signature(path, array, leaves), array)
            identity = first.identity if first.fetch() == array.fetch() else array.identity
            found.setdefault(path, []).append(replace(array, name=array.name.split("/")[-1], identity=identity))
        for path, node in leaves:
            if path in found:
                yield path, _in_order(node, found[path])
    own = named.group(TOP_LEVEL)
    if own is not None and (arrays := tuple(_arrays(own))):
        yield TOP_LEVEL, arrays


def _owner(name: str, leaves: list[tuple[str, Node]]) -> str:
    """The path of the layer in a nested model that an array's name speaks of: the one that matches it furthest."""
    *parts, _variable = name.split("/")

    def agreement(path: str) -> tuple[int, int]:
        steps = path.split("/")
        matched, rest = 0, iter(parts)
        for step in steps:
            matched += step in rest
        return (parts[::-1].index(steps[-1]) if steps[-1] in parts else len(parts) + 1, -matched)

    return min((path for path, node in leaves if not node.is_model), key=agreement)


def _signature(path: str, array: StoredArray, leaves: list[tuple[str, Node]]) -> str:
    """Equal for arrays that may be one layer's, stored twice because the layer stands in two models."""
    node = next(node for below, node in leaves if below == path)
    variable = array.name.split("/")[-1]
    return json.dumps([_key(node), variable, array.shape, array.dtype])


def _in_order(node: Node, arrays: list[StoredArray]) -> tuple[StoredArray, ...]:
    """In Keras's order: a nested model lists what is trained before what is not."""
    expected = weight_names(node.kind, node.config)
    if expected is None or {array.name for array in arrays} - set(expected):
        return tuple(arrays)
    return tuple(sorted(arrays, key=lambda array: expected.index(array.name)))


def by_class(architecture: Node, root: Group) -> ArraysByLayer:
    """Arrays by layer path, in the layout by class."""
    found: dict[str, tuple[StoredArray, ...]] = {}
    _by_class(architecture, root, "", found, {})
    own = _variables(root, architecture, depth=0)
    return found | ({TOP_LEVEL: own} if own else {})


def _by_class(
    model: Node, group: Group, path: str, found: dict[str, tuple[StoredArray, ...]], known: dict[str, str]
) -> None:
    """Fill `found`; `known` maps a layer's name and configuration to the path where it was met first."""
    container = _container(group)
    if container is None:
        return
    groups: dict[str, list[str]] = {}
    for name in sorted(container.names, key=_count):
        groups.setdefault(_base(name), []).append(name)
    wanted = Counter(snake_case(child.kind) for child in model.children)
    for child in model.children:
        base, below = snake_case(child.kind), f"{path}/{child.name}" if path else child.name
        key, left = _key(child), groups.get(base, [])
        wanted[base] -= 1
        # A layer that stands in several models has a group only where it was met first.
        if key in known and len(left) <= wanted[base]:
            first = known[key]
            again = [at for at in found if at == first or at.startswith(f"{first}/")]
            found.update({below + at[len(first) :]: found[at] for at in again})
        elif left and (inner := container.group(left.pop(0))) is not None:
            known.setdefault(key, below)
            if child.is_model:
                _by_class(child, inner, below, found, known)
            elif arrays := _variables(inner, child):
                found[below] = arrays


def loose_by_class(root: Group) -> tuple[Node, ArraysByLayer]:
    """What the layout by class tells without an architecture: the order of layers of different classes is lost."""
    found: dict[str, tuple[StoredArray, ...]] = {}
    kinds: dict[str, str] = {}

    def walk(group: Group, path: str, depth: int) -> None:
        container = _container(group) or group
        for name in sorted(container.names, key=lambda name: (_base(name), _count(name))):
            inner = None if name in _STATE_OF_TRAINING else container.group(name)
            if inner is None or depth > MAX_NESTING:
                continue
            below = f"{path}/{name}" if path else name
            if _container(inner) is not None:
                walk(inner, below, depth + 1)
                continue
            kind = _CLASSES.get(_base(name), UNKNOWN)
            if arrays := _variables(inner, Node(name, kind, None, {}, trainable=True)):
                found[below], kinds[below] = arrays, kind

    walk(root, "", 0)
    return loose_model(found, kinds), found


def _container(group: Group) -> Group | None:
    return next((inner for name in _CONTAINERS if name in group and (inner := group.group(name))), None)


def _variables(group: Group, node: Node, depth: int = MAX_NESTING) -> tuple[StoredArray, ...]:
    """A layer's own variables, then those of its parts (a recurrent layer's cell), `depth` groups down."""
    found = []
    own = group.group("vars")
    if own is not None:
        indices = sorted((name for name in own.names if name.isdecimal()), key=int)
        found = [array for name in indices if (array := own.array(name)) is not None]
    names = weight_names(node.kind, node.config) or ()
    if len(names) == len(found) or node.kind == "Normalization":
        found = [replace(array, name=name) for name, array in zip(names, found, strict=False)]
    for name in group.names if depth else ():
        if name not in _STATE_OF_TRAINING and (part := group.group(name)) is not None:
            parts = _variables(part, Node(name, UNKNOWN, None, {}, trainable=True), depth - 1)
            found.extend(replace(array, name=f"{name}/{array.name}") for array in parts)
    return tuple(found)


def optimizer_elements(root: Group) -> int:
    """Elements of the optimizer's state, in the layout by class."""
    return _elements(root.group("optimizer"))


def _elements(group: Group | None) -> int:
    return 0 if group is None else sum(array.size for array in group.arrays(MAX_NESTING))


def snake_case(name: str) -> str:
    """A class name as Keras names its group: `MaxPooling2D` is `max_pooling2d`."""
    name = re.sub(r"\W+", "", name.split(">")[-1])
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


_CLASSES = {snake_case(name): name for name in sorted(KERAS_LAYERS)}


def _base(name: str) -> str:
    """A group's name without its count: `dense_2` is a `dense`."""
    base, _, number = name.rpartition("_")
    return base if base and number.isdecimal() else name


def _count(name: str) -> int:
    number = name.rpartition("_")[2]
    return int(number) if number.isdecimal() and len(number) < 10 else 0


def _key(node: Node) -> str:
    return json.dumps([node.name, node.kind, node.config], sort_keys=True)
