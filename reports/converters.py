"""Converter × runtime: which .tflite file of which leg opens on which runtime, and why the others do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from reports.matrix import Leg, anchor
from reports.text import cut, number, percent, plural, shorten, visible
from suites.records import Records

SERIES = ("quantization/runtime-support", "support")
ABSENT = "unavailable"
"""The outcome where the runtime itself is not there: that says nothing about the file."""
MAX_DETAIL = 110


class Tried(msgspec.Struct, frozen=True):
    """One file on one runtime. `kind` is how it is quantized; `outcome` "runs", or what happened instead."""

    file: str
    outcome: str
    kind: str = ""
    largest_difference: float | None = None
    top1_agreement: float | None = None
    reason: str = ""


class Support(msgspec.Struct, frozen=True):
    """What one runtime made of all files of one leg."""

    files: list[Tried]
    version: str = ""
    informs: bool = False


@dataclass(frozen=True)
class RuntimeCell:
    """What became of one file: `detail` is the difference from Keras, or the beginning of the reason."""

    tone: str
    glyph: str
    word: str
    detail: str


@dataclass(frozen=True)
class RuntimeRow:
    """The files of one converter on one runtime; None where a file was not tried."""

    leg: Leg
    version: str
    anchor: str
    """Where the leg's results on quantization stand."""
    cells: tuple[RuntimeCell | None, ...]
    """Empty where the leg tried nothing on this runtime."""


@dataclass(frozen=True)
class Refusal:
    """One reason, and everything that it keeps from running."""

    reason: str
    files: tuple[tuple[str, str], ...]
    """(kind and file, the versions of TensorFlow that converted it)"""


@dataclass(frozen=True)
class RuntimeTable:
    """All converters on one runtime. `columns` are (kind, file)."""

    runtime: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[RuntimeRow, ...]
    running: int
    tried: int
    refusals: tuple[Refusal, ...]

    @property
    def finding(self) -> str:
        """The table in one sentence."""
        if not self.tried:
            return "Nothing was tried on it."
        if self.running == self.tried:
            return f"All {plural(self.tried, 'combination')} run."
        return f"{number(self.running)} of {plural(self.tried, 'combination')} run."


def tables(legs: Sequence[Leg]) -> list[RuntimeTable]:
    """A table for each runtime that any leg has tried, in the order in which they first appear.

    A series of the wrong shape counts as not tried.
    """
    tried = {leg.name: _supports(leg.run) for leg in legs}
    runtimes = dict.fromkeys(runtime for supports in tried.values() for runtime in supports)
    return [_table(runtime, legs, tried) for runtime in runtimes]


def _supports(run: Records | None) -> dict[str, Support]:
    found = {}
    for series in run.series if run else ():
        if (series.check, series.name) == SERIES:
            try:
                found[series.variant or ""] = msgspec.convert(series.data, Support)
            except msgspec.ValidationError:
                continue
    return found


def _table(runtime: str, legs: Sequence[Leg], tried: dict[str, dict[str, Support]]) -> RuntimeTable:
    here = [(leg, tried[leg.name].get(runtime, Support(files=[]))) for leg in legs]
    kinds: dict[str, dict[str, None]] = {}
    for one in (one for _, support in here for one in support.files):
        kinds.setdefault(one.file, {}).update({one.kind: None} if one.kind else {})
    rows = []
    for place, (leg, support) in enumerate(here):
        by_file = {one.file: one for one in support.files}
        cells = tuple(_cell(by_file.get(file)) for file in kinds) if by_file else ()
        rows.append(RuntimeRow(leg, visible(support.version), anchor(leg, place, "quantization"), cells))
    everything = [cell for row in rows for cell in row.cells if cell and cell.tone != "mute"]
    return RuntimeTable(
        runtime=visible(runtime),
        columns=tuple((visible(" or ".join(seen)), visible(file)) for file, seen in kinds.items()),
        rows=tuple(rows),
        running=sum(cell.tone == "pass" for cell in everything),
        tried=len(everything),
        refusals=tuple(_refusals(here)),
    )


def _cell(tried: Tried | None) -> RuntimeCell | None:
    if tried is None:
        return None
    if tried.outcome == ABSENT:
        return RuntimeCell("mute", "–", ABSENT, "")
    if tried.outcome != "runs":
        return RuntimeCell("fail", "✗", visible(tried.outcome), shorten(visible(tried.reason), MAX_DETAIL))
    said = [] if tried.largest_difference is None else [f"Δ {number(tried.largest_difference, 2)}"]
    if tried.top1_agreement is not None and tried.top1_agreement < 1:
        said.append(f"same class {percent(tried.top1_agreement)}")
    return RuntimeCell("pass", "✓", "runs", " · ".join(said))


def _refusals(here: Sequence[tuple[Leg, Support]]) -> list[Refusal]:
    reasons: dict[str, dict[str, list[str]]] = {}
    for leg, support in here:
        for one in support.files:
            if one.outcome != "runs":
                reason = cut(visible(one.reason or one.outcome), 300)
                file = f"{visible(one.kind)} ({visible(one.file)})" if one.kind else visible(one.file)
                reasons.setdefault(reason, {}).setdefault(file, []).append(leg.tensorflow_seen)
    return [
        Refusal(reason, tuple((file, ", ".join(dict.fromkeys(by))) for file, by in files.items()))
        for reason, files in reasons.items()
    ]
