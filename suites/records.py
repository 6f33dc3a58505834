"""Records: what a run of the suites leaves behind, as JSON lines.

The first line is a :class:`Header`, the last a :class:`Footer` that counts the results, so that a truncated
file shows. Between them stand one :class:`Result` per check and variant, and the :class:`Series` that figures
are drawn from. Every type is frozen and validated when it is read; no value is NaN or infinite.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

SCHEMA = 1

Outcome = Literal["passed", "failed", "missing", "errored", "skipped", "xfailed", "xpassed"]


class RecordsError(ValueError):
    """A records file that cannot be trusted; the message says in one sentence what is wrong with it."""


class DataSet(msgspec.Struct, frozen=True, kw_only=True):
    """A data set that the run was judged with.

    ``rows`` maps each part ("train", "test", …) to its number of examples.
    """

    name: str
    digest: str
    source: str
    rows: dict[str, int]


class Header(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="header"):
    """Who was judged, by what, where; and which cells are expected to follow."""

    schema: int = SCHEMA
    tflab: str
    created: str
    """Start of the run, ISO 8601 with time zone."""
    implementation: str
    """"reference", or the path of the artefact folder as it was given."""
    seed: int
    command: str
    """The command that repeats the run."""
    isolation: str = "none: files are read, no code runs"
    environment: dict[str, str | int | float | bool | None] = {}
    data: list[DataSet] = []
    runtimes: dict[str, str] = {}
    """TFLite runtime's name to "module version" as its worker reported it, or why it did not answer."""
    expected: list[str] = []
    """Every cell that must follow, as ``section/check`` or ``section/check[variant]``."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One measured quantity held against one criterion.

    ``measured`` is what the criterion looks at: where two values are compared, the size of their difference,
    with the two themselves in ``got`` and ``expected``. ``margin`` is the distance to the limit in the
    quantity's own unit, positive on the right side; ``interval`` a 95 % confidence interval of ``measured``.
    """

    quantity: str
    measured: float | int | str | bool | None
    criterion: str
    ok: bool
    got: float | int | str | bool | None = None
    expected: float | int | str | bool | None = None
    limit: float | int | str | bool | None = None
    margin: float | None = None
    unit: str = ""
    interval: tuple[float, float] | None = None
    why: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="result"):
    """The verdict on one check (and variant) with its grounds."""

    check: str
    variant: str | None = None
    outcome: Outcome
    points: float
    max_points: float
    measurements: list[Measurement] = []
    message: str = ""
    """One sentence: why it failed, is missing, was skipped; empty where it simply holds."""
    hint: str = ""
    """What a student may try; never the answer."""
    statement: str = ""
    """What must hold: the check's docstring."""
    notes: list[str] = []
    """What else was seen: the file judged, the preprocessing recognised, other candidates."""
    command: str = ""
    """The command that reruns this check alone."""
    informs: bool = False
    """Whether this variant only informs: it carries no points and fails nothing."""
    seconds: float = 0.0

    @property
    def cell(self) -> str:
        """``section/check`` or ``section/check[variant]``."""
        return self.check if self.variant is None else f"{self.check}[{self.variant}]"

    @property
    def section(self) -> str:
        """The part of the identifier before the slash."""
        return self.check.split("/", 1)[0]


class Series(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="series"):
    """Data of a figure: plain JSON values under a name that the report knows."""

    check: str
    name: str
    data: dict[str, Any]
    variant: str | None = None


class Footer(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="footer"):
    """The last line: how many results stand above it."""

    results: int


Record = Header | Result | Series | Footer


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """A whole, validated records file."""

    header: Header
    results: list[Result]
    series: list[Series]

    def result(self, cell: str) -> Result | None:
        """The result with that ``section/check[variant]``, or None."""
        return next((result for result in self.results if result.cell == cell), None)

    def find_series(self, name: str, *, variant: str | None = None) -> dict[str, Any] | None:
        """Data of the first series called ``name`` (``section/check:name``), or None."""
        check, _, short = name.partition(":")
        for series in self.series:
            if (series.check, series.name) == (check, short) and variant in (None, series.variant):
                return series.data
        return None


def encode(record: Record) -> bytes:
    """One line of JSON with its line feed; NaN and infinity, which JSON cannot hold, become null."""
    return msgspec.json.encode(record) + b"\n"


def write(path: Path, records: Iterable[Record]) -> None:
    """Write a whole records file in one go: a reader sees all of it or nothing."""
    temporary = path.with_name(path.name + ".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        temporary.write_bytes(b"".join(encode(record) for record in records))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path) -> Records:
    """Read and validate a records file.

    Raises:
        RecordsError: it is missing, empty, truncated (no footer, or fewer results than the footer counts), of
            another schema, or lacks a cell that its header expects.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise RecordsError(f"{path}: cannot read the records: {error.strerror}.") from error
    if not lines:
        raise RecordsError(f"{path}: the records file is empty; the run that wrote it did not finish.")
    records = list(_decode(path, lines))
    if not isinstance(records[0], Header):
        raise RecordsError(f"{path}: the first line is no header, so this is no records file.")
    if not isinstance(records[-1], Footer):
        raise RecordsError(f"{path}: the footer is missing, so the run did not finish; repeat it.")
    results = [record for record in records if isinstance(record, Result)]
    if records[-1].results != len(results):
        raise RecordsError(f"{path}: the footer counts {records[-1].results} results and {len(results)} are there.")
    absent = sorted(set(records[0].expected) - {result.cell for result in results})
    if absent:
        raise RecordsError(f"{path}: no result for {', '.join(absent)}.")
    series = [record for record in records if isinstance(record, Series)]
    return Records(header=records[0], results=results, series=series)


def _decode(path: Path, lines: list[bytes]) -> Iterator[Record]:
    decoder = msgspec.json.Decoder(Record)
    for number, line in enumerate(lines, start=1):
        try:
            record = decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise RecordsError(f"{path} is no records file: line {number}: {error}.") from error
        if isinstance(record, Header) and record.schema != SCHEMA:
            raise RecordsError(f"{path}: schema {record.schema} where this version reads {SCHEMA}.")
        yield record
