"""What a Keras configuration says of a model, as a tree of nodes: read, never deserialised.

The same tree comes out of the dialects of Keras 2 (`batch_input_shape`, nested lists of inbound nodes) and Keras 3
(`batch_shape`, `__keras_tensor__`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, NamedTuple, cast

from modelfiles.description import Shape
from modelfiles.errors import ModelFileError

MAX_CONFIG_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 100
"""Nesting of lists and objects; a model in a model in a model needs about thirty."""
MAX_NODES = 20_000

Config = Mapping[str, Any]
_CONSTANT = "_CONSTANT_VALUE"
"""What Keras 2 writes for the layer's name where the first argument of a function is a number."""


class Reference(NamedTuple):
    """The tensor that the `call`-th application of a layer gives as its `tensor`-th output."""

    layer: str
    call: int
    tensor: int


class Call(NamedTuple):
    """One application of a layer: the tensors it takes, and further arguments that are no tensors."""

    inputs: tuple[Reference, ...]
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Node:
    """A layer, or a model when it has `children`.

    A model that is a plain stack has no `outputs`; a graph names its `inputs` and `outputs`, and its children have
    `calls`. `module` is where the file says the class lives, None in older dialects.
    """

    name: str
    kind: str
    module: str | None
    config: Config
    trainable: bool
    children: tuple[Node, ...] = ()
    calls: tuple[Call, ...] = ()
    inputs: tuple[Reference, ...] = ()
    outputs: tuple[Reference, ...] = ()
    input_shape: Shape | None = None

    @property
    def is_model(self) -> bool:
        """Whether it holds layers of its own."""
        return bool(self.children)

    @property
    def is_graph(self) -> bool:
        """Whether its layers are wired by name (functional), not stacked."""
        return bool(self.outputs)

    def walk(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """(path, node) of everything below, in order; paths join layer names by "/"."""
        for child in self.children:
            below = f"{path}/{child.name}" if path else child.name
            yield below, child
            yield from child.walk(below)


def parse_json(text: str | bytes, what: str) -> dict[str, Any]:
    """A JSON object of bounded size and depth."""
    if len(text) > MAX_CONFIG_BYTES:
        raise ModelFileError(f"refused: its {what} has {len(text):,} bytes; {MAX_CONFIG_BYTES:,} is the most.")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ModelFileError(f"damaged: its {what} is no valid JSON.") from None
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
    if level:
        raise ModelFileError(f"refused: its {what} is nested more than {MAX_DEPTH} levels deep.")
    if not isinstance(value, dict):
        raise ModelFileError(f"damaged: its {what} is no JSON object.")
    return value


def _inside(value: Any) -> Sequence[Any]:
    if isinstance(value, dict):
        return tuple(value.values())
    return value if isinstance(value, list) else ()


def learning_rate(training: Any) -> float | None:
    """The optimizer's learning rate in a training configuration; None where it is not a plain number.

    Keras 3 and 2.13 on say `optimizer`, HDF5 files `optimizer_config`; a schedule is no number.
    """
    optimizer = training.get("optimizer", training.get("optimizer_config")) if isinstance(training, dict) else None
    config = optimizer.get("config") if isinstance(optimizer, dict) else None
    return as_number(config.get("learning_rate")) if isinstance(config, dict) else None


def as_number(value: Any) -> float | None:
    """A JSON number as a finite float, None for anything else."""
    if type(value) not in (int, float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def parse_architecture(configuration: Config) -> Node:
    """The tree of a whole model's configuration (`config.json`, or `model_config` of an HDF5 file)."""
    budget = iter(range(MAX_NODES))
    return _node(untuple(configuration), budget, trainable=True)


def _node(entry: Any, budget: Iterator[int], trainable: bool) -> Node:
    if next(budget, None) is None:
        raise ModelFileError(f"refused: its configuration has more than {MAX_NODES:,} layers.")
    if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str):
        raise ModelFileError("damaged: its configuration lists a layer without a class name.")
    config = entry.get("config")
    layers = config if isinstance(config, list) else None  # Keras 2.2 and older: a stack is a bare list
    config = config if isinstance(config, dict) else {}
    layers = layers if layers is not None else config.get("layers")
    kind = _kind(entry)
    name = entry.get("name") or config.get("name") or kind.lower()
    if not isinstance(name, str):
        raise ModelFileError("damaged: its configuration gives a layer a name that is no text.")
    trainable = trainable and config.get("trainable", True) is not False
    module = entry.get("module")
    node = Node(
        name=name,
        kind=kind,
        module=module if isinstance(module, str) else None,
        config=config,
        trainable=trainable,
        calls=tuple(_call(call) for call in _list(entry.get("inbound_nodes"))),
        input_shape=_input_shape(entry, config),
    )
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        return node
    children = tuple(_node(layer, budget, trainable) for layer in layers)
    if len({child.name for child in children}) < len(children):
        raise ModelFileError(f"damaged: two layers of {name!r} have the same name.")
    graph = "output_layers" in config
    node = replace(
        node,
        children=children,
        inputs=tuple(_references(config.get("input_layers"))) if graph else (),
        outputs=tuple(_references(config.get("output_layers"))) if graph else (),
    )
    return _from_zero(node) if graph else node


def is_keras_module(module: str) -> bool:
    """Whether a module name in a configuration is Keras's own."""
    return module.split(".")[0] in ("keras", "tf_keras") or module.startswith("tensorflow.keras")


def _kind(entry: Config) -> str:
    """The class; `package>Name` for somebody's own, though it be called Dense; `ops.Name` for a bare operation."""
    kind = cast(str, entry["class_name"])
    module, registered = entry.get("module"), entry.get("registered_name")
    if isinstance(registered, str) and ">" in registered:
        return registered
    if isinstance(module, str) and not is_keras_module(module):
        return f"{module}>{kind}"
    if isinstance(module, str) and module.startswith("keras.src.ops"):
        return f"ops.{kind}"
    return kind


def untuple(value: Any) -> Any:
    """Keras 2's `{"class_name": "__tuple__", "items": [...]}` and `TensorShape` as plain lists, throughout."""
    if isinstance(value, dict):
        if value.get("class_name") in ("__tuple__", "TensorShape") and isinstance(value.get("items"), list):
            return [untuple(item) for item in value["items"]]
        return {key: untuple(item) for key, item in value.items()}
    if isinstance(value, list):
        return [untuple(item) for item in value]
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def shape_of(value: Any) -> Shape | None:
    """A JSON list of sizes and nulls as a shape, else None."""
    if not isinstance(value, list):
        return None
    if not all(size is None or (type(size) is int and size >= 0) for size in value):
        return None
    return tuple(value)


def _input_shape(entry: Config, config: Config) -> Shape | None:
    build = entry.get("build_config")
    candidates = [
        config.get("batch_shape"),
        config.get("batch_input_shape"),
        config.get("build_input_shape"),
        entry.get("build_input_shape"),
        build.get("input_shape") if isinstance(build, dict) else None,
    ]
    return next((shape for shape in map(shape_of, candidates) if shape is not None), None)


def _references(value: Any) -> Iterator[Reference]:
    """All references to tensors inside a value, in order, in either dialect."""
    if isinstance(value, list):
        if len(value) in (3, 4) and isinstance(value[0], str) and all(type(part) is int for part in value[1:3]):
            yield Reference(*value[:3])
            yield from _references(value[3:])
        else:
            for item in value:
                yield from _references(item)
    elif isinstance(value, dict):
        config = value.get("config")
        if value.get("class_name") == "__keras_tensor__" and isinstance(config, dict):
            yield from _references(config.get("keras_history"))
        else:
            for item in value.values():
                yield from _references(item)


def _call(value: Any) -> Call:
    """One entry of `inbound_nodes`: tensors in order, and what else was given, by position ("0", "1") or name."""
    arguments: dict[str, Any] = {}
    if isinstance(value, dict):
        arguments |= {str(i): item for i, item in enumerate(_list(value.get("args")))}
        named = value.get("kwargs")
        arguments |= named if isinstance(named, dict) else {}
    else:
        # A layer's call is a list of tensors; a bare TensorFlow function's is one tensor (or number) by itself.
        bare = isinstance(value, list) and value[:1] and isinstance(value[0], str)
        for item in [value] if bare else _list(value):
            if isinstance(item, list) and len(item) == 4 and isinstance(item[3], dict):
                arguments |= {"1" if bare and name == "y" else name: given for name, given in item[3].items()}
                if item[0] == _CONSTANT:
                    arguments["0"] = item[2]
                    value = item[3:]
    kept = {name: item for name, item in arguments.items() if item is not None and not any(_references(item))}
    return Call(tuple(_references(value)), kept)


def _from_zero(node: Node) -> Node:
    """Count the calls of each layer from zero.

    Where a nested model is wired in, Keras (2, and 3 for functional ones) counts its own making as call 0, which
    is not in the file: references to it then begin at 1.
    """
    seen: dict[str, int] = {}
    uses = [reference for child in node.children for call in child.calls for reference in call.inputs]
    for reference in (*uses, *node.outputs, *node.inputs):
        seen[reference.layer] = max(reference.call, seen.get(reference.layer, 0))
    shift = {child.name: max(0, seen.get(child.name, 0) - max(0, len(child.calls) - 1)) for child in node.children}

    def moved(references: tuple[Reference, ...]) -> tuple[Reference, ...]:
        return tuple(ref._replace(call=ref.call - shift.get(ref.layer, 0)) for ref in references)

    children = tuple(
        replace(child, calls=tuple(Call(moved(call.inputs), call.arguments) for call in child.calls))
        for child in node.children
    )
    return replace(node, children=children, inputs=moved(node.inputs), outputs=moved(node.outputs))


class Step(NamedTuple):
    """One application of a layer of a model: which layer, what it reads, what it gives."""

    node: Node
    call: Call
    output: tuple[str, int]


def execution_order(model: Node) -> list[Step]:
    """The applications of a model's layers in an order in which each finds its inputs made.

    A stack is the graph in which each layer reads the one before it; input layers apply nothing. ModelFileError
    where a layer reads what nothing makes, or where layers wait for one another in a circle.
    """
    layers = [child for child in model.children if child.kind != "InputLayer"]
    if not model.is_graph:
        before = [STACK_INPUT, *(Reference(layer.name, 0, 0) for layer in layers)]
        return [Step(layer, Call((ref,), {}), (layer.name, 0)) for layer, ref in zip(layers, before, strict=False)]
    steps = [Step(layer, call, (layer.name, i)) for layer in layers for i, call in enumerate(layer.calls)]
    made = {(ref.layer, ref.call) for ref in model.inputs}
    made |= {(child.name, 0) for child in model.children if child.kind == "InputLayer"}
    waiting: dict[tuple[str, int], list[Step]] = {}
    missing: dict[tuple[str, int], int] = {}
    ready = []
    for step in steps:
        needs = {(ref.layer, ref.call) for ref in step.call.inputs} - made
        missing[step.output] = len(needs)
        for need in needs:
            waiting.setdefault(need, []).append(step)
        if not needs:
            ready.append(step)
    order = []
    while ready:
        step = ready.pop()
        order.append(step)
        for dependent in waiting.pop(step.output, ()):
            missing[dependent.output] -= 1
            if not missing[dependent.output]:
                ready.append(dependent)
    if len(order) < len(steps):
        stuck = next(step.node.name for step in steps if missing[step.output])
        raise ModelFileError(f"damaged: the layer {stuck!r} waits for an output that no other layer makes.")
    return order


STACK_INPUT = Reference("", 0, 0)
"""What the first layer of a stack reads."""


def model_outputs(model: Node) -> tuple[Reference, ...]:
    """The tensors that a model gives: those it names, or what a stack's last layer makes."""
    if model.is_graph:
        return model.outputs
    layers = [child for child in model.children if child.kind != "InputLayer"]
    return (Reference(layers[-1].name, 0, 0),) if layers else (STACK_INPUT,)


def model_inputs(model: Node) -> tuple[Reference, ...]:
    """The tensors that a model takes."""
    return model.inputs if model.is_graph else (STACK_INPUT,)
