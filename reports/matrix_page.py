"""The TensorFlow matrix as a page of its own, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from reports.converters import RuntimeCell, RuntimeTable, tables
from reports.markdown import escape
from reports.matrix import Cell, Leg, Row, rows, summary
from reports.pages import MAX_BYTES, ReportError, templates
from reports.text import number
from suites.specification import SECTIONS

TITLE: Final = "TensorFlow matrix"
LAB: Final = "TensorFlow and scikit-learn lab"


def render(legs: Sequence[Leg]) -> str:
    """The matrix as one self-contained HTML page: sections × legs, converter × runtime, and every result.

    Raises:
        ReportError: the page would exceed two million bytes.
    """
    word = "PASS" if summary(legs).holds else "FAIL"
    html: str = templates().get_template("matrix.html.j2").render(title=TITLE, lab=LAB, word=word, **parts(legs))
    if len(html.encode("utf-8")) > MAX_BYTES:
        raise ReportError(f"The page would exceed {number(MAX_BYTES)} bytes: choose fewer legs with --only.")
    return html


def parts(legs: Sequence[Leg]) -> dict[str, Any]:
    """What the macros in `matrix_parts.html.j2` show; a report without a matrix has no rows."""
    return {
        "summary": summary(legs),
        "sections": SECTIONS,
        "legs": rows(legs),
        "converters": tables(legs),
    }


def markdown(legs: Sequence[Leg]) -> str:
    """The same tables in Markdown; a row's reason stands in its first cell."""
    whole = summary(legs)
    lines = [f"**{'PASS' if whole.holds else 'FAIL'}** {escape(whole.sentence)}", "", *_sections(rows(legs))]
    for table in tables(legs):
        lines += ["", f"**On {escape(table.runtime)}**: {escape(table.finding)}", "", *_runtime(table)]
    return "\n".join([*lines, ""])


def _sections(shown: Sequence[Row]) -> Iterator[str]:
    yield f"| TensorFlow | with | {' | '.join(section.id for section in SECTIONS)} |"
    yield f"|---|---|{':-:|' * len(SECTIONS)}"
    for row in shown:
        if row.trouble is None:
            cells = [_cell(cell) for cell in row.cells]
        else:
            why = f"{row.trouble.glyph} {row.trouble.word}" + (f": {escape(row.reason)}" if row.reason else "")
            cells = [why, *[row.trouble.glyph] * (len(SECTIONS) - 1)]
        yield f"| {escape(row.version)} | {escape(row.below)} | {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    rest = "" if cell.look.tone == "pass" and not cell.rest else f" {cell.rest}"
    return f"{cell.look.glyph} {cell.held}/{cell.declared}{rest}"


def _runtime(table: RuntimeTable) -> Iterator[str]:
    headings = [escape(f"{kind}: {file}" if kind else file) for kind, file in table.columns]
    yield f"| converted by | {' | '.join(headings)} |"
    yield f"|---|{':-:|' * len(headings)}"
    for row in (row for row in table.rows if row.cells):
        cells = [_runtime_cell(cell) for cell in row.cells]
        yield f"| {escape(f'{row.leg.tensorflow_seen} ({row.leg.below})')} | {' | '.join(cells)} |"
    for refusal in table.refusals:
        files = "; ".join(f"{file} of {versions}" for file, versions in refusal.files)
        yield ""
        yield f"- {escape(refusal.reason)}: {escape(files)}"


def _runtime_cell(cell: RuntimeCell | None) -> str:
    if cell is None:
        return "– not tried"
    return f"{cell.glyph} {escape(cell.detail)}" if cell.tone == "pass" else f"{cell.glyph} {escape(cell.word)}"
