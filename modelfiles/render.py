"""Descriptions of model files for people (rich) and for programs (JSON).

Names come from strangers' files: they are shown as text only, never as markup, and what would move the cursor or
turn the writing direction is written out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from modelfiles.description import Endpoint, KerasModel, Layer, Operator, TFLiteModel, TFLiteTensor
from modelfiles.opened import UNKNOWN

Json = dict[str, Any]
Row = list[str | Text]

SCHEMA = 1
"""Version of the JSON; it grows when a key changes its meaning or goes."""

MAX_ROWS = 60
"""Tensors shown, the largest first; the JSON has all of them."""

MAX_DEPTH = 64
"""Nesting of a configuration that is still copied into the JSON."""

_FORMATS = {
    "keras": "Keras (.keras)",
    "h5": "Keras (HDF5)",
    "weights-h5": "Keras weights (HDF5, no architecture)",
    "savedmodel": "SavedModel",
    "tflite": "TFLite",
}
_KERAS_DEFINITION = (
    "Each stored array counts once, however many layers share it; variables of the optimizer and of metrics are no "
    "parameters."
)
_TFLITE_DEFINITION = (
    "Parameters are the elements of constants that are floating point or carry a quantization scale, each buffer "
    "once; scales, shapes and indices are none, and two int4 share a byte."
)


def to_dict(model: KerasModel | TFLiteModel) -> Json:
    """The whole description as JSON values: numbers that JSON lacks (NaN, infinities) become null."""
    found: Json = {"schema": SCHEMA, **_jsonable(model)}
    if isinstance(model, TFLiteModel):
        # The main subgraph's, which stand in `subgraphs` already.
        del found["tensors"]
        found["operators"] = [
            {**operator._asdict(), "name": _unicode(operator.name), "count": count}
            for operator, count in _counted(model)
        ]
    return found


def to_renderable(model: KerasModel | TFLiteModel) -> RenderableType:
    """The description as tables that fit the terminal's width."""
    parts = _keras(model) if isinstance(model, KerasModel) else _tflite(model)
    shown = [Padding(part, (0, 0, 1, 0)) for part in parts]
    warnings = [Text.assemble(("! ", "bold yellow"), printable(warning)) for warning in model.warnings]
    definition = _KERAS_DEFINITION if isinstance(model, KerasModel) else _TFLITE_DEFINITION
    return Group(*shown, *warnings, *([Text()] if warnings else []), Text(definition, style="dim"))


def printable(text: str) -> str:
    """The text with every character that does not show as itself written as its escape sequence."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _jsonable(value: Any, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        return None
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, str):
        return _unicode(value)
    if is_dataclass(value):
        return {field.name: _jsonable(getattr(value, field.name), depth + 1) for field in fields(value)}
    if isinstance(value, Operator):
        return _jsonable(value._asdict(), depth + 1)
    if isinstance(value, Mapping):
        return {_unicode(str(key)): _jsonable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [_jsonable(item, depth + 1) for item in value]
    return _unicode(str(value))


def _unicode(text: str) -> str:
    """Half of a surrogate pair is no character, and no JSON that every reader takes."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _counted(model: TFLiteModel) -> list[tuple[Operator, int]]:
    """Each operator with how often it stands in all subgraphs, in order of first appearance."""
    return list(Counter(operator for graph in model.subgraphs for operator in graph.operators).items())


def _heading(model: KerasModel | TFLiteModel, *facts: str | None) -> Text:
    said = [_FORMATS.get(model.format, model.format), *(fact for fact in facts if fact)]
    return Text.assemble((printable(model.path), "bold"), "\n", " · ".join(said))


def _table(title: str, columns: Sequence[str], rows: Sequence[Row]) -> Table:
    """A table without lines; ">" after a column's name aligns it right.

    Where the terminal is narrow the first column gives way, for names can be cut and figures cannot.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", title_justify="left")
    table.title = Text(title, style="bold not italic") if title else None
    for number, name in enumerate(columns):
        table.add_column(
            Text(name.rstrip(">")),
            justify="right" if name.endswith(">") else "left",
            # Only a column that may wrap gives way; a name has no spaces, so it is cut instead.
            no_wrap=number > 0,
            overflow="ellipsis",
        )
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table


def _totals(rows: Sequence[tuple[str, int | str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for name, value in rows:
        table.add_row(Text(name), Text(f"{value:,}" if isinstance(value, int) else value, style="bold"))
    return table


def _shape(shape: Iterable[int | None] | None) -> str:
    """As Keras writes it, a dimension left open as "?"."""
    if shape is None:
        return "not known"
    sizes = ["?" if d is None or d == -1 else str(d) for d in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


# Keras


def _keras(model: KerasModel) -> list[RenderableType]:
    saved_by = (
        f"saved by Keras {printable(model.saved_by)}"
        if model.saved_by
        else "does not say by which Keras it was saved"
    )
    shapes = ", ".join(_shape(shape).replace(" ", "\N{NO-BREAK SPACE}") for shape in model.inputs)
    takes = f"takes {shapes}" if shapes else None
    rows: list[Row] = [
        [
            "  " * level + printable(layer.name),
            Text(printable(layer.kind), style="dim" if layer.kind == UNKNOWN else "cyan"),
            _shape(layer.output_shape),
            f"{layer.parameters:,}",
            Text("frozen" if layer.parameters and not layer.trainable else "", style="dim"),
        ]
        for layer, level in _levels(model.layers)
    ]
    table = _table("", ("Layer", "Type", "Output shape", "Parameters>", ""), rows)
    totals = _totals(
        [
            ("Parameters", model.parameters),
            ("  trainable", model.trainable_parameters),
            ("  not trainable", model.non_trainable_parameters),
            ("Optimizer variables", model.optimizer_variables),
        ]
    )
    kind = printable(f"{model.kind} {model.name}".strip()) if model.kind != UNKNOWN else None
    return [_heading(model, kind, saved_by, takes), *([table] if rows else []), totals]


def _levels(layers: Iterable[Layer], level: int = 0) -> Iterable[tuple[Layer, int]]:
    for layer in layers:
        yield layer, level
        yield from _levels(layer.layers, level + 1)


# TFLite


def _tflite(model: TFLiteModel) -> list[RenderableType]:
    version = printable(model.min_runtime_version or "")
    oldest = f"needs TensorFlow Lite {version}" if version else None
    return [
        _heading(model, model.quantization, f"{model.file_bytes:,} bytes", oldest),
        _ends(model),
        *([_signatures(model)] if model.signatures else []),
        _operators(model),
        *([_constants(model)] if any(t.constant for g in model.subgraphs for t in g.tensors) else []),
        _tflite_totals(model),
    ]


def _ends(model: TFLiteModel) -> Table:
    rows: list[Row] = [
        [_short(end.name), Text(direction, style="dim"), _shape(end.shape), printable(end.dtype), _scale(end)]
        for direction, ends in (("in", model.inputs), ("out", model.outputs))
        for end in ends
    ]
    return _table("Inputs and outputs", ("Name", "", "Shape", "Type", "Quantization"), rows)


def _scale(end: Endpoint) -> str:
    if not end.scale:
        return "none"
    return f"{end.scale:.6g} · (q {'+' if end.zero_point < 0 else '−'} {abs(end.zero_point)})"


def _signatures(model: TFLiteModel) -> Table:
    rows: list[Row] = [
        [printable(s.key), printable(", ".join(s.inputs)), printable(", ".join(s.outputs))]
        for s in model.signatures
    ]
    return _table("Signatures", ("Key", "Takes", "Gives"), rows)


def _operators(model: TFLiteModel) -> Table:
    rows: list[Row] = []
    for operator, count in sorted(_counted(model), key=lambda pair: (-pair[1], pair[0])):
        kind = "Flex" if operator.name.startswith("Flex") else "custom"
        name = Text(printable(operator.name) or "(no name)", style="green")
        remark = Text(kind if operator.custom else "", style="yellow")
        rows.append([name, str(operator.version), f"{count:,}", remark])
    return _table("Operators", ("Operator", "Version>", "Count>", ""), rows)


def _constants(model: TFLiteModel) -> Table:
    several = len(model.subgraphs) > 1
    found = [(number, t) for number, graph in enumerate(model.subgraphs) for t in graph.tensors if t.constant]
    found.sort(key=lambda pair: -pair[1].nbytes)
    rows: list[Row] = [
        [
            _short(tensor.name),
            *([str(number)] if several else []),
            str(tensor.index),
            _shape(tensor.shape),
            printable(tensor.dtype),
            f"{tensor.nbytes:,}",
            Text(_remark(tensor), style="dim"),
        ]
        for number, tensor in found[:MAX_ROWS]
    ]
    columns = ("Tensor", *(["Graph>"] if several else []), "Index>", "Shape", "Type", "Bytes>", "")
    table = _table("Constants", columns, rows)
    if len(found) > MAX_ROWS:
        table.caption = Text(f"… and {len(found) - MAX_ROWS:,} smaller ones; --json lists all.", style="dim")
        table.caption_justify = "left"
    return table


def _remark(tensor: TFLiteTensor) -> str:
    scales = len(tensor.quantization.scales) if tensor.quantization else 0
    said = ["" if tensor.weight else "no weight", "sparse" if tensor.sparse else ""]
    said.append(f"{scales:,} scales" if scales > 1 else "1 scale" if scales else "")
    return ", ".join(word for word in said if word)


def _short(name: str) -> str:
    """Fused operators leave all their names, joined by semicolons: the first stands for them."""
    first, _, rest = name.partition(";")
    return printable(first) + (f"\N{NO-BREAK SPACE}(+{rest.count(';') + 1})" if rest else "")


def _tflite_totals(model: TFLiteModel) -> Table:
    rows: list[tuple[str, int | str]] = [("Parameters", model.parameters)]
    if model.stored_parameters != model.parameters:
        rows.append(("  stored (sparse)", model.stored_parameters))
    rows.append(("Weight bytes", model.weight_bytes))
    by_type = _weight_bytes_by_type(model)
    if len(by_type) > 1:
        rows += [(f"  {dtype}", size) for dtype, size in by_type.most_common()]
    rows.append(("File bytes", model.file_bytes))
    if len(model.subgraphs) > 1:
        rows.append(("Subgraphs", len(model.subgraphs)))
    if model.accelerators:
        rows.append(("Compiled for", ", ".join(model.accelerators)))
    return _totals(rows)


def _weight_bytes_by_type(model: TFLiteModel) -> Counter[str]:
    weights = (tensor for graph in model.subgraphs for tensor in graph.tensors if tensor.weight)
    buffers = {tensor.buffer: tensor for tensor in reversed(list(weights))}  # the first of those that share one
    sizes: Counter[str] = Counter()
    for tensor in buffers.values():
        sizes[tensor.dtype] += tensor.nbytes
    return sizes
