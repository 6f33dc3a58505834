from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import cycle, repeat
from typing import Any

import msgspec
import pytest

from reports.conformance import render
from suites.records import DataSet, Measurement, Records, Result, Series
from suites.specification import SECTIONS
from tests.reports import sample
from tests.reports.html import parse

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></pre></svg><b>",
    "{{ 7 * 7 }}{% raw %}",
    r"$\frac{",
    "$x^2$",
    "exe\u202etxt.keras",
    "\x1b[31mred\x00\x07",
    "line one\nline two\r\tend",
    "]]>&lt;&amp;",
    "\ud800",
    "]" * 3 + "`|*_#" * 3,
]

INVISIBLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def hostile_run(texts: Iterator[str]) -> Records:
    """A run that carries other people's strings wherever a string can stand, each time the next one."""

    def measurement(**fields: Any) -> Measurement:
        return Measurement(
            quantity=next(texts), criterion=f"≤ {next(texts)}", ok=True, unit=next(texts), why=next(texts), **fields
        )

    results = [
        Result(
            check=f"{section}/{next(texts)}",
            variant=next(texts),
            outcome="failed",
            points=0.0,
            max_points=1.0,
            message=next(texts),
            hint=next(texts),
            measurements=[
                measurement(measured=next(texts), limit=next(texts), got=next(texts), expected=next(texts)),
                measurement(measured=1.0, limit=2.0, margin=1.0),
            ],
            statement=next(texts),
            notes=[next(texts)],
            command=f"pytest {next(texts)}",
        )
        for section in [*(section.id for section in SECTIONS), next(texts)]
    ]
    return sample.changed(
        sample.bare(*results),
        {},
        implementation=next(texts),
        command=next(texts),
        created=next(texts),
        tflab=next(texts),
        isolation=next(texts),
        environment={next(texts): next(texts), "tensorflow": next(texts)},
        runtimes={next(texts): next(texts)},
        data=[DataSet(name=next(texts), digest=next(texts), source=next(texts), rows={next(texts): 1})],
    )


def hostile_series(texts: Iterator[str]) -> list[Series]:
    """The sample's series with every free string replaced; grids of 0 and 1 and pixels keep their meaning."""

    def replaced(value: Any) -> Any:
        if isinstance(value, str):
            return value if set(value) <= {"0", "1"} or len(value) > 1_000 else next(texts)
        if isinstance(value, dict):
            return {key: item if key == "comparison" else replaced(item) for key, item in value.items()}
        return [replaced(item) for item in value] if isinstance(value, list) else value

    return [
        msgspec.structs.replace(series, data=replaced(series.data), variant=series.variant and next(texts))
        for series in sample.reference().series
    ]


def hostile_benchmarks(texts: Iterator[str]) -> dict[str, Any]:
    stats = {"median": 1.0, "min": 1.0, "max": 1.0, "rounds": 1, "data": [1.0]}
    extra = {"library": next(texts), "label": next(texts), "note": next(texts)}
    return {"benchmarks": [{"name": next(texts), "group": next(texts), "extra_info": extra, "stats": stats}]}


def assert_harmless(page: str) -> None:
    tree = parse(page)
    assert "could not be drawn" not in page
    assert "script" not in {element.tag for element in tree.all()}
    for element in tree.all():
        assert not any(name.startswith("on") for name in element.attributes)
        assert element.attributes.get("src", "data:image/png").startswith("data:image/png")
        assert element.tag != "b" or element.text.strip()
    assert not INVISIBLE.search(page)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_stays_text(text: str) -> None:
    assert_harmless(render([hostile_run(repeat(text))], hostile_benchmarks(repeat(text))))


def test_hostile_names_stay_text_in_every_figure() -> None:
    texts = cycle(HOSTILE)
    run = hostile_run(texts)
    page = render([Records(header=run.header, results=run.results, series=hostile_series(texts))])
    assert_harmless(page)
    assert page.count('class="plot"') >= 20
    assert "{{ 7 * 7 }}" in page
