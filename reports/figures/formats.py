"""Saving: the same model in several formats, side by side."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reports.figures.exhibits import AnyExhibit, Listing, Table
from reports.figures.series import read
from reports.text import cut, number, plural, visible
from suites.records import Records


class _Row(msgspec.Struct):
    format: str
    file: str
    bytes: int | None = None
    parameters: int | None = None
    saved_by: str | None = None
    equal: bool | None = None
    note: str = ""


class _Formats(msgspec.Struct):
    rows: list[_Row]


def round_trip(run: Records) -> Iterator[AnyExhibit]:
    """What each format's file holds and whether its weights equal the first one's."""
    data = read(run, "formats/round-trip:formats", _Formats)
    if data is None or not data.rows:
        return
    words = {True: "equal", False: "different", None: "not compared"}
    rows = [
        (
            visible(row.format),
            visible(row.file),
            number(row.bytes),
            number(row.parameters),
            visible(row.saved_by or "–"),
            words[row.equal],
            visible(cut(row.note, 200)),
        )
        for row in data.rows
    ]
    different = sum(row.equal is False for row in data.rows)
    said = (
        "All weights that could be compared are equal"
        if not different
        else f"{plural(different, 'file')} with other weights"
    )
    sizes = [row.bytes for row in data.rows if row.bytes]
    spread = f"; the largest file is {number(max(sizes) / min(sizes))} times the smallest" if len(sizes) > 1 else ""
    yield Listing(
        key="formats-round-trip",
        title="One model, several files",
        caption=f"{said}{spread}.",
        wide=True,
        data=Table.of(("Format", "File", "Bytes", "Parameters", "Saved by Keras", "Weights", "Note"), rows),
        numeric=frozenset({2, 3}),
    )


DRAWERS = (round_trip,)
