"""`tflab matrix`: the records of all legs in, the TensorFlow matrix out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tflab.errors import Unusable
from tflab.pages import write_pages

if TYPE_CHECKING:
    from fixtures.legs import Leg
    from reports.matrix import Leg as Row
    from suites.records import Records

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    epilog="\b\nExamples:\n  tox run -m matrix\n"
    "  tflab matrix out/matrix --out out/matrix.html --markdown out/matrix.md\n"
    "  tflab matrix out/matrix --only py311-tf212,py311-tf221 --out out/matrix.html"
)
@click.argument("records", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=FILE, metavar="FILE.html", help="Write the matrix here.")
@click.option("--markdown", "markdown_file", type=FILE, metavar="FILE.md", help="Write it in Markdown too.")
@click.option("--only", metavar="LEG,LEG", help="Expect only these legs of the list, and show no others.")
@click.pass_context
def matrix_command(
    ctx: click.Context, records: tuple[Path, ...], out: Path, markdown_file: Path | None, only: str | None
) -> None:
    """Draw the TensorFlow matrix of RECORDS: a folder of records files named after their legs, or the files.

    Every leg of fixtures/legs.toml is a row: one that was skipped, could not be installed, was killed or never ran
    says so. Exits with 0 only if every leg has whole records in which nothing fails, else with 1.
    """
    from reports.matrix import summary
    from reports.matrix_page import markdown, render
    from reports.pages import ReportError

    legs = read_legs(records, only.split(",") if only is not None else None)
    try:
        wanted = {out: render(legs)}
    except ReportError as error:
        raise Unusable(str(error)) from error
    if markdown_file is not None:
        wanted[markdown_file] = markdown(legs)
    whole = summary(legs)
    write_pages(wanted, f"{'PASS' if whole.holds else 'FAIL'}: {whole.sentence}")
    ctx.exit(0 if whole.holds else 1)


def read_legs(sources: Sequence[Path], only: Sequence[str] | None = None) -> list[Row]:
    """The rows of the matrix: the legs of the list, or those in `only`, then records of no listed leg.

    Raises:
        Unusable: a source is not there, two are of one leg, or `only` names what is no leg.
    """
    from fixtures.legs import LegsError, legs

    try:
        listed: Mapping[str, Leg] = legs()
    except LegsError as error:
        raise Unusable(str(error)) from error
    if only is not None:
        names = [name.strip() for name in only if name.strip()]
        if unknown := [name for name in names if name not in listed]:
            raise Unusable(f"no leg is called {', '.join(unknown)}: choose from {', '.join(listed)}.")
        listed = {name: leg for name, leg in listed.items() if name in names}
    files = dict(_files(sources))
    folders = [source for source in sources if source.is_dir()]
    rows = [_row(leg, files.get(name), folders) for name, leg in listed.items()]
    if only is None:
        rows += [_unlisted(name, path) for name, path in files.items() if name not in listed]
    return rows


def _files(sources: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Records files by the name of their leg."""
    from tflab.leg_runs import RECORDS

    seen: dict[str, Path] = {}
    for source in sources:
        if not source.exists():
            raise Unusable(f"{source} does not exist: run the legs first, with `tox run -m matrix`.")
        for path in sorted(source.glob(f"*{RECORDS}")) if source.is_dir() else [source]:
            name = path.name.removesuffix(RECORDS)
            if name in seen:
                raise Unusable(f"{path} and {seen[name]} are both called {name}: give one of them.")
            seen[name] = path
            yield name, path


def _row(leg: Leg, path: Path | None, folders: Sequence[Path]) -> Row:
    """A listed leg: its whole records, or its trouble, from the records and the note of its run."""
    from reports.matrix import Leg as Row
    from suites.records import RecordsError, read
    from tflab import leg_runs

    row = Row(leg.name, leg.tensorflow, leg.python, today=leg.today)
    places = [path.parent] if path is not None else folders
    try:
        notes = [note for place in places if (note := leg_runs.read(place, leg.name)) is not None]
    except leg_runs.LegRunError as error:
        return _changed(row, trouble="unusable", reason=str(error))
    note = notes[0] if notes else None
    row = _changed(row, seconds=note.seconds if note else None)
    if path is not None:
        try:
            run = read(path)
        except RecordsError as error:
            because = f" The run {note.reason}." if note and note.reason else ""
            return _changed(row, trouble="unusable", reason=f"{error}{because}")
        other = _another(leg, run)
        return _changed(row, trouble="unusable", reason=other) if other else _changed(row, run=run)
    if note is None:
        return _changed(row, reason=f"no records here: tox run -e {leg.name}")
    if note.state in ("skipped", "not installed"):
        return _changed(row, trouble=note.state, reason=note.reason)
    if note.state == "ended":
        return _changed(row, trouble="broke off", reason=note.reason or "it ended and left no records")
    doing = "was being installed" if note.state == "installing" else "ran"
    said = f"it {doing} (since {note.started}) and never came to its end: killed, or still at it"
    return _changed(row, trouble="broke off", reason=said)


def _changed(row: Row, **changes: object) -> Row:
    from dataclasses import replace

    return replace(row, **changes)  # type: ignore[arg-type]


def _another(leg: Leg, run: Records) -> str:
    """A sentence if the records were made by another TensorFlow or Python than the leg's; else nothing."""
    for name, wanted in (("tensorflow", leg.minor), ("python", leg.python)):
        seen = str(run.header.environment.get(name))
        if seen != wanted and not seen.startswith(f"{wanted}."):
            return f"its records were made with {name} {seen} where {wanted} was asked for."
    return ""


def _unlisted(name: str, path: Path) -> Row:
    from reports.matrix import Leg as Row
    from suites.records import RecordsError, read

    row = Row(name, "?", "?", listed=False)
    try:
        run = read(path)
    except RecordsError as error:
        return _changed(row, trouble="unusable", reason=str(error))
    seen = run.header.environment
    return _changed(row, run=run, python=str(seen.get("python")), tensorflow=str(seen.get("tensorflow")))
