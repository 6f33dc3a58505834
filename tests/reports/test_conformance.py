from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from reports.conformance import MAX_BYTES, ReportError, render, save, write
from suites import records
from suites.records import Footer, Records, RecordsError, Result, Series
from suites.specification import SECTIONS
from tests.reports import sample
from tests.reports.html import Element, parse

ROOT = Path(__file__).parents[2]


def test_it_is_one_file_that_fetches_and_runs_nothing(tree: Element) -> None:
    assert not {element.tag for element in tree.all()} & {
        "script",
        "link",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
    }
    for element in tree.all():
        for name, value in element.attributes.items():
            assert not name.startswith("on"), name
            if name in {"href", "src", "srcset", "action", "data", "poster"}:
                assert value.startswith(("#", "data:image/png;base64,")), value
            assert "http:" not in value.replace("http://www.w3.org/", "") or name == "xmlns"
    [style] = [element.text for element in tree.all("style")]
    assert "url(" not in style
    assert "@import" not in style


def test_its_size_keeps_the_limit(page: str) -> None:
    assert len(page.encode()) <= MAX_BYTES


def test_identifiers_are_unique_and_references_lead_somewhere(tree: Element) -> None:
    identifiers = Counter(element.attributes["id"] for element in tree.all() if "id" in element.attributes)
    assert {name: count for name, count in identifiers.items() if count > 1} == {}
    for element in tree.all():
        for name in ("aria-labelledby", "aria-describedby"):
            for reference in element.attributes.get(name, "").split():
                assert reference in identifiers, f"{name}={reference}"
        if element.attributes.get("href", "").startswith("#"):
            assert element.attributes["href"][1:] in identifiers
        for value in element.attributes.values():
            for reference in re.findall(r"url\(#([^)]+)\)", value):
                assert reference in identifiers


def test_headings_come_in_order_and_none_is_empty(tree: Element) -> None:
    headings = [element for element in tree.all() if re.fullmatch("h[1-6]", element.tag)]
    assert headings[0].tag == "h1"
    for before, after in pairwise(headings):
        assert int(after.tag[1]) <= int(before.tag[1]) + 1
    assert all(heading.text.strip() for heading in headings)
    for section in tree.all("section"):
        assert len(section.text.split()) > 10


def test_every_section_of_the_lab_has_its_card(tree: Element) -> None:
    titles = {heading.text.strip() for heading in tree.all("h2")}
    assert {section.title for section in SECTIONS} <= titles
    assert {"Which file runs where", "Speed", "Environment", "Raw records"} <= titles


def test_every_figure_says_what_it_shows(tree: Element) -> None:
    plots = [svg for svg in tree.all("svg") if svg.attributes.get("class") == "plot"]
    assert len(plots) >= 20
    for svg in tree.all("svg"):
        assert svg.attributes["role"] == "img"
        assert [child.tag for child in svg.children[:2]] == ["title", "desc"]
        assert all(child.text.strip() for child in svg.children[:2])
    for figure in tree.all("figure"):
        assert figure.all("figcaption")[0].text.strip().endswith(".")
        assert figure.all("table") or figure.all("img"), "no figure without its data"


def test_every_table_has_headings_with_a_scope(tree: Element) -> None:
    for table in tree.all("table"):
        headings = table.all("th")
        assert headings
        assert all("scope" in heading.attributes for heading in headings)


def test_every_cell_is_shown_with_statement_criterion_and_command(tree: Element) -> None:
    run = sample.reference()
    rows = {
        "".join(row.all("code")[0].texts): row
        for row in tree.all("tbody")
        if row.attributes.get("id", "").startswith("check-")
    }
    assert set(rows) == {result.cell for result in run.results}
    for result in run.results:
        text = rows[result.cell].text
        assert result.command in text
        for measurement in result.measurements:
            assert measurement.why in text


def test_the_verdict_leads_to_the_cell_it_names(troubled_page: str) -> None:
    tree = parse(troubled_page)
    verdict = next(section for section in tree.all("section") if "verdict" in section.attributes["class"])
    assert verdict.all("h2")[0].texts == ["FAIL"]
    [link] = verdict.all("a")
    target = next(e for e in tree.all("tbody") if e.attributes.get("id") == link.attributes["href"][1:])
    assert "linear/coefficient-agreement" in target.text
    assert "48.98 apart" in target.text


def test_a_cell_without_a_result_is_shown_as_missing() -> None:
    page = render([sample.without(sample.plain(), "cnn/accuracy")])
    row = next(e for e in parse(page).all("tbody") if e.attributes.get("id") == "check-cnn-accuracy")
    assert "missing" in row.text
    assert "left no result" in row.text


def test_the_same_records_give_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from reports.conformance import render\n"
        "from tests.reports import sample\n"
        "from tests.reports.sample_benchmarks import benchmarks\n"
        "sys.stdout.buffer.write(render([sample.troubled()], benchmarks()).encode())\n"
    )
    pages = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "MPLCONFIGDIR": str(tmp_path / seed)},
            capture_output=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    ]
    assert len(pages[0]) > 100_000
    assert pages[0] == pages[1]


def test_a_series_of_the_wrong_shape_becomes_a_notice() -> None:
    run = sample.reference()
    broken = [
        msgspec.structs.replace(
            series, data={**series.data, "rows": "none", "x": ["a"], "counts": [[1]], "trials": 7}
        )
        for series in run.series
    ]
    page = render([Records(header=run.header, results=run.results, series=broken)])
    assert page.count("A figure that could not be drawn") >= 5
    assert "PASS" in page


def test_a_run_without_series_has_no_empty_headings() -> None:
    tree = parse(render([sample.plain()]))
    titles = [heading.text.strip() for heading in tree.all("h2")]
    assert "Which file runs where" not in titles
    assert "Speed" not in titles
    assert all(heading.text.strip() for heading in tree.all("h3"))


def test_several_runs_stand_side_by_side() -> None:
    other = sample.changed(sample.plain(), {}, environment={"tensorflow": "2.15.1", "numpy": "1.26.4"})
    tree = parse(render([sample.plain(), other]))
    rows = [e for e in tree.all("tbody") if e.attributes.get("id", "").startswith("check-linear-architecture")]
    assert [e.attributes["id"] for e in rows] == ["check-linear-architecture", "check-linear-architecture-2"]
    assert "run 2, TensorFlow 2.15.1" in rows[1].text
    settings = next(f for f in tree.all("figure") if f.attributes["id"] == "environment-settings")
    numpy = next(row for row in settings.all("tr") if row.children[0].text == "numpy")
    assert [cell.text for cell in numpy.children] == ["numpy", "2.4.6", "1.26.4"]


def test_long_records_are_cut_and_say_so() -> None:
    long = "x" * 5_000_000
    result = Result(
        check="linear/architecture", outcome="failed", points=0.0, max_points=1.0, message=long, notes=[long] * 99
    )
    results = [msgspec.structs.replace(result, variant=str(n)) for n in range(20)]
    many = [Series(check="linear/other", name="big", data={"values": list(range(100_000)), "text": long})] * 50
    run = sample.bare(*results)
    page = render([Records(header=run.header, results=run.results, series=many)])
    assert len(page.encode()) <= MAX_BYTES
    assert "(5,000,000 characters)" in page
    assert "99,988 more" in page
    assert "(cut, 5,000,000 characters)" in page


def test_too_many_records_are_refused() -> None:
    result = sample.reference().results[2]
    run = sample.bare(*(msgspec.structs.replace(result, variant=str(n)) for n in range(1_500)))
    with pytest.raises(ReportError, match="2,000,000 bytes"):
        render([run])


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    run = sample.plain()
    source = tmp_path / "records.jsonl"
    records.write(source, [run.header, *run.results, *run.series, Footer(results=len(run.results))])
    target = tmp_path / "deep" / "report.html"
    write([source], target)
    assert target.read_text(encoding="utf-8") == render([run])
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]
    source.write_bytes(source.read_bytes()[:-30])
    with pytest.raises(RecordsError):
        write([source], target)
    assert target.read_text(encoding="utf-8") == render([run])
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    with pytest.raises(OSError, match="directory"):
        save(blocked, "text")
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []
