"""Where and with what the runs were made: packages, processor, threads, data digests, runtimes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.cards import run_label
from reports.figures.exhibits import Listing, Table
from reports.text import cut, moment, number, visible
from suites.records import Records

MAX_TEXT = 600


def environment(runs: Sequence[Records]) -> list[Listing]:
    """Tables of the environment (a column for each run), the data sets and the TFLite runtimes."""
    tables = [_settings(runs), _data(runs), _runtimes(runs)]
    return [table for table in tables if table.data.rows]


def _settings(runs: Sequence[Records]) -> Listing:
    keys = dict.fromkeys(key for run in runs for key in run.header.environment)
    fixed = {
        "started": [moment(run.header.created) for run in runs],
        "judged": [visible(run.header.implementation) for run in runs],
        "tflab": [visible(run.header.tflab) for run in runs],
        "seed": [str(run.header.seed) for run in runs],
        "isolation": [visible(run.header.isolation) for run in runs],
        "command": [visible(cut(run.header.command, MAX_TEXT)) for run in runs],
    }
    rows = [(name, *values) for name, values in fixed.items()]
    rows += [(visible(key), *(_said(run.header.environment.get(key)) for run in runs)) for key in keys]
    headings = ["Value"] if len(runs) == 1 else [run_label(run, place) for place, run in enumerate(runs)]
    return Listing(
        key="environment-settings",
        title="Run and machine",
        caption="What the work was made and judged with.",
        wide=True,
        data=Table.of(("Setting", *headings), rows, limit=400),
    )


def _said(value: Any) -> str:
    if isinstance(value, float):
        return number(value, 6)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return cut(number(value), MAX_TEXT)


def _data(runs: Sequence[Records]) -> Listing:
    sets = {(data.name, data.digest): data for run in runs for data in run.header.data}
    rows = [
        (
            visible(data.name),
            " · ".join(f"{visible(part)} {number(count)}" for part, count in data.rows.items()),
            visible(data.source),
            visible(data.digest),
        )
        for data in sets.values()
    ]
    return Listing(
        key="environment-data",
        title="Data sets",
        caption="The digest covers values, labels and split: the same digest means the same data.",
        wide=True,
        data=Table.of(("Name", "Examples", "Source", "SHA-256"), rows, limit=200),
        code=frozenset({3}),
    )


def _runtimes(runs: Sequence[Records]) -> Listing:
    found = dict.fromkeys((name, said) for run in runs for name, said in run.header.runtimes.items())
    return Listing(
        key="environment-runtimes",
        title="TFLite runtimes",
        caption="Each runs in a process of its own and says itself which module and version it is.",
        data=Table.of(
            ("Runtime", "Module and version"), [(visible(name), visible(said)) for name, said in found], limit=200
        ),
    )
