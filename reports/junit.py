"""JUnit XML of the same records, as CI systems show it: a suite for each section, a case for each cell."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal

from reports.cards import run_label
from reports.margins import criterion
from reports.text import Value, cut, number, visible
from reports.verdict import absent_cells
from suites.records import Outcome, Records, Result

MAX_TEXT: Final = 4_000
Kind = Literal["failure", "error", "skipped"]
KINDS: Final[dict[Outcome, Kind | None]] = {
    "passed": None,
    "failed": "failure",
    "missing": "failure",
    "xpassed": "failure",
    "errored": "error",
    "skipped": "skipped",
    "xfailed": "skipped",
}


def junit(records: Sequence[Records]) -> str:
    """The XML document.

    A wrong answer, work that is missing, and a known failure that holds are *failures* (told apart by ``type``), a
    fault of ours is an *error*, what cannot be known here and a known failure are *skipped*. A cell without a
    result fails.
    """
    suites = [suite for place, run in enumerate(records) for suite in _suites(run, place, len(records))]
    root = ET.Element("testsuites", {"name": "tflab", **_totals(suites)})
    root.extend(suites)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suites(run: Records, place: int, runs: int) -> list[ET.Element]:
    sections = dict.fromkeys(result.section for result in run.results)
    sections |= dict.fromkeys(cell.partition("/")[0] for cell in absent_cells(run))
    suites = []
    for section in sections:
        cases = [_case(result) for result in run.results if result.section == section]
        cases += [_absent(cell) for cell in absent_cells(run) if cell.partition("/")[0] == section]
        name = visible(section) if runs == 1 else f"{visible(section)}, {run_label(run, place)}"
        suite = ET.Element("testsuite", {"name": name, **_counted(cases), **_timestamp(run.header.created)})
        suite.extend(cases)
        suites.append(suite)
    return suites


def _timestamp(created: str) -> dict[str, str]:
    """The start of the run as the schema wants it, local time without a zone; left out where it is no moment."""
    try:
        return {"timestamp": datetime.fromisoformat(created).replace(tzinfo=None, microsecond=0).isoformat()}
    except ValueError:
        return {}


def _case(result: Result) -> ET.Element:
    section, _, name = result.cell.partition("/")
    case = ET.Element(
        "testcase", {"classname": visible(section), "name": visible(name), "time": f"{result.seconds:.3f}"}
    )
    if result.measurements:
        properties = ET.SubElement(case, "properties")
        for measurement in result.measurements:
            value = visible(cut(_plain(measurement.measured), MAX_TEXT))
            ET.SubElement(properties, "property", {"name": visible(measurement.quantity), "value": value})
    kind = KINDS[result.outcome]
    if kind is not None and not (result.informs and kind == "failure"):
        _judgement(case, kind, result.outcome, result.message, list(_measured(result)))
    return case


def _plain(value: Value) -> str:
    """A measured value for machines: digits as Python writes them, "true" and "false", nothing for None."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _measured(result: Result) -> Iterable[str]:
    """What was measured, a line for each quantity, for people."""
    for measurement in result.measurements:
        should = criterion(measurement, number(measurement.limit, 4))
        line = f"{measurement.quantity}: {number(measurement.measured, 4)} ({should})"
        yield visible(cut(line, MAX_TEXT))


def _judgement(case: ET.Element, kind: Kind, outcome: Outcome, message: str, lines: Sequence[str]) -> None:
    element = ET.SubElement(case, kind, {"message": visible(cut(message, MAX_TEXT)) or outcome})
    if kind != "skipped" or outcome == "xfailed":
        element.set("type", outcome)
    if kind != "skipped" and lines:
        element.text = "\n".join(lines)


def _absent(cell: str) -> ET.Element:
    section, _, name = cell.partition("/")
    case = ET.Element("testcase", {"classname": visible(section), "name": visible(name), "time": "0.000"})
    _judgement(case, "failure", "missing", "The run declared this check and left no result for it.", [])
    return case


def _counted(cases: Sequence[ET.Element]) -> dict[str, str]:
    def holding(kind: Kind) -> str:
        return str(sum(case.find(kind) is not None for case in cases))

    return {
        "tests": str(len(cases)),
        "failures": holding("failure"),
        "errors": holding("error"),
        "skipped": holding("skipped"),
        "time": f"{sum(float(case.get('time', '0')) for case in cases):.3f}",
    }


def _totals(suites: Sequence[ET.Element]) -> dict[str, str]:
    counted = {
        name: str(sum(int(suite.get(name, "0")) for suite in suites))
        for name in ("tests", "failures", "errors", "skipped")
    }
    return {**counted, "time": f"{sum(float(suite.get('time', '0')) for suite in suites):.3f}"}
