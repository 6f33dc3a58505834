from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import msgspec
import pytest

from reports import conformance
from reports.converters import tables
from reports.matrix import FAILS, HOLDS, TROUBLE, Leg, rows, summary
from reports.matrix_page import markdown, render
from suites.records import Outcome, Records, Series
from suites.specification import CHECKS, SECTIONS
from tests.reports import sample, sample_matrix
from tests.reports.html import Element, parse
from tests.reports.test_hostile import HOSTILE, INVISIBLE, assert_harmless

DECLARED = Counter(check.section for check in CHECKS)


@pytest.fixture(scope="module")
def page() -> str:
    return render(sample_matrix.troubled())


@pytest.fixture(scope="module")
def tree(page: str) -> Element:
    return parse(page)


def with_outcome(check: str, outcome: Outcome, *, informs: bool = False) -> list[Leg]:
    changes = {check: {"outcome": outcome, "points": 0.0, "message": "because", "informs": informs}}
    return [Leg("py311-tf217", "2.17.1", "3.11", run=sample.changed(sample.reference(), changes))]


def test_the_matrix_holds_where_every_leg_is_whole_and_nothing_fails() -> None:
    whole = summary(sample_matrix.whole())
    assert whole.holds
    assert whole.sentence == "The lab works on all 2 legs."
    assert render(sample_matrix.whole()).count("<title>PASS") == 1


@pytest.mark.parametrize("outcome", ["failed", "missing", "xpassed", "errored"])
def test_one_check_that_does_not_hold_fails_the_matrix(outcome: Outcome) -> None:
    legs = with_outcome("linear/architecture", outcome)
    assert not summary(legs).holds
    [row] = rows(legs)
    linear = row.cells[0]
    assert (linear.held, linear.declared) == (DECLARED["linear"] - 1, DECLARED["linear"])
    assert linear.look.tone in {"fail", "warn"}
    assert all(cell.look == HOLDS for cell in row.cells[1:])


@pytest.mark.parametrize("outcome", ["skipped", "xfailed"])
def test_a_skipped_check_and_a_known_failure_are_no_failure(outcome: Outcome) -> None:
    legs = with_outcome("formats/round-trip", outcome)
    assert summary(legs).holds
    cell = rows(legs)[0].cells[6]
    assert (cell.held, cell.declared, cell.look.tone) == (0, 1, "mute" if outcome == "skipped" else "warn")


def test_a_variant_that_only_informs_fails_nothing() -> None:
    run = sample.reference()
    informing = next(result.cell for result in run.results if result.informs)
    changed = sample.changed(run, {informing: {"outcome": "failed"}})
    assert summary([Leg("py311-tf217", "2.17.1", "3.11", run=changed)]).holds


@pytest.mark.parametrize("trouble", sorted(TROUBLE))
def test_a_leg_without_records_is_a_row_with_its_reason_and_fails_the_matrix(trouble: str) -> None:
    silent = Leg("py313-tf221", "2.21.0", "3.13", trouble=trouble, reason="so it was")  # type: ignore[arg-type]
    legs = [*sample_matrix.whole(), silent]
    assert not summary(legs).holds
    assert f"py313-tf221 {trouble}" in summary(legs).sentence
    row = parse(render(legs)).all("tbody")[0].all("tr")[2]
    assert row.all("td")[0].attributes["colspan"] == str(len(SECTIONS))
    assert trouble in row.text
    assert "so it was" in row.text
    assert f"{TROUBLE[silent.trouble].glyph} {trouble}: so it was" in markdown(legs)


def test_a_check_that_the_records_never_declared_is_missing() -> None:
    """As after `-k`: the records are whole in themselves, and silence must not pass."""
    run = sample.reference()
    header = msgspec.structs.replace(run.header, expected=[c for c in run.header.expected if "cnn/" not in c])
    fewer = Records(header=header, results=[r for r in run.results if r.section != "cnn"], series=run.series)
    legs = [Leg("py311-tf217", "2.17.1", "3.11", run=fewer)]
    assert not summary(legs).holds
    cell = rows(legs)[0].cells[4]
    assert (cell.look, cell.held, cell.declared) == (FAILS, 0, DECLARED["cnn"])
    assert "3 missing" in cell.rest
    assert "left no result" in parse(render(legs)).text


def test_a_variant_that_was_declared_and_left_no_result_is_missing() -> None:
    run = sample.without(sample.reference(), "tflite/linear-parity[litert]")
    legs = [Leg("py311-tf217", "2.17.1", "3.11", run=run)]
    assert any(result.check == "tflite/linear-parity" for result in run.results)
    assert not summary(legs).holds
    assert rows(legs)[0].cells[3].rest == "1 missing"


def test_nothing_listed_holds_nothing() -> None:
    assert not summary([]).holds


def test_every_cell_says_glyph_word_and_number_and_leads_to_its_results(tree: Element) -> None:
    targets = {element.attributes["id"]: element for element in tree.all() if "id" in element.attributes}
    [table, *_] = tree.all("table")
    shown = table.all("tbody")[0].all("tr")
    legs = sample_matrix.troubled()
    assert len(shown) == len(legs)
    for leg, row in zip(legs, shown, strict=True):
        cells = row.all("td")
        assert len(cells) == (len(SECTIONS) if leg.run else 1)
        for cell, section in zip(cells, SECTIONS, strict=False):
            [link] = cell.all("a")
            target = targets[link.attributes["href"].removeprefix("#")]
            assert re.match(r"[✓✗!≈–∅↑] [a-z ]+", " ".join(cell.text.split()))
            if leg.run:
                assert re.search(rf"\d/{DECLARED[section.id]}", cell.text)
                assert {code.text.partition("/")[0] for code in target.all("code")} == {section.id}


def test_details_say_what_was_measured_and_why_it_failed(tree: Element) -> None:
    text = tree.text
    assert "48.98 apart" in text
    assert "tox run -e py311-tf212" in text
    assert "killed by SIGABRT" in text
    assert "tox run -e mine" not in text


def test_records_of_no_listed_leg_are_shown_as_such(tree: Element) -> None:
    assert "not on the list" in tree.all("tbody")[0].all("tr")[-1].text


def test_identifiers_are_unique_and_links_lead_somewhere(tree: Element) -> None:
    identifiers = Counter(element.attributes["id"] for element in tree.all() if "id" in element.attributes)
    assert max(identifiers.values()) == 1
    for element in tree.all():
        for name in ("aria-labelledby", "href"):
            for reference in element.attributes.get(name, "").split():
                assert reference.removeprefix("#") in identifiers


def test_legs_of_one_name_keep_their_details_apart() -> None:
    legs = [replace(leg, name="twice") for leg in sample_matrix.whole()]
    assert len({row.anchor for row in rows(legs)}) == 2


def test_the_page_fetches_and_runs_nothing(tree: Element) -> None:
    assert not {element.tag for element in tree.all()} & {"script", "link", "iframe", "object", "embed", "img"}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    run = sample.bare(msgspec.structs.replace(sample.reference().results[0], message=text, variant=text))
    run = sample.changed(run, {}, environment={"tensorflow": text, "keras": text})
    support = {"files": [{"file": text, "kind": text, "outcome": text, "reason": text}], "version": text}
    series = [Series(check="quantization/runtime-support", name="support", variant=text, data=support)]
    legs = [
        Leg(text, text, text, run=Records(header=run.header, results=run.results, series=series)),
        Leg(text, text, text, trouble="broke off", reason=text),
    ]
    assert_harmless(render(legs))
    assert not INVISIBLE.search(markdown(legs).replace("\n", ""))
    assert not re.search(r"(?<!\\)<", markdown(legs))


def test_the_runtimes_say_what_runs_how_far_off_and_why_not() -> None:
    litert, old = tables(sample_matrix.whole())
    assert (litert.runtime, litert.running, litert.tried) == ("ai-edge-litert", 8, 8)
    assert (old.runtime, old.running, old.tried) == ("tflite-runtime", 7, 8)
    assert [kind for kind, _ in old.columns] == ["float32", "float16", "dynamic range", "full int8"]
    assert old.rows[0].cells[2] is not None
    assert old.rows[0].cells[2].word == "runs"
    assert "2.1×10⁻⁶" in old.rows[0].cells[2].detail
    assert old.rows[1].cells[2] is not None
    assert old.rows[1].cells[2].word == "refused"
    [refusal] = old.refusals
    assert refusal.reason == sample_matrix.REFUSED
    assert refusal.files == (("dynamic range (cifar10_cnn_model_quantized.tflite)", "2.21.0"),)


def test_a_leg_that_tried_nothing_on_a_runtime_keeps_its_row() -> None:
    legs = [*sample_matrix.whole(), Leg("py311-tf216", "2.16.2", "3.11", trouble="broke off")]
    for table in tables(legs):
        assert [row.leg.name for row in table.rows] == [leg.name for leg in legs]
        assert table.rows[-1].cells == ()
    assert parse(render(legs)).text.count("not tried") == 2


def test_a_runtime_that_is_not_there_says_nothing_about_the_files() -> None:
    run = sample_matrix.run("2.21.0")
    files = [
        {"file": file, "kind": kind, "outcome": "unavailable", "reason": "gone"}
        for kind, file in sample_matrix.FILES
    ]
    old = msgspec.structs.replace(run.series[1], data={"files": files, "version": "gone"})
    legs = [Leg("py311-tf221", "2.21.0", "3.11", run=Records(header=run.header, results=run.results, series=[old]))]
    [table] = tables(legs)
    assert (table.tried, table.finding) == (0, "Nothing was tried on it.")
    assert [cell and cell.tone for cell in table.rows[0].cells] == ["mute"] * len(files)
    assert [refusal.reason for refusal in table.refusals] == ["gone"]


def test_a_series_of_the_wrong_shape_counts_as_not_tried() -> None:
    run = sample_matrix.run("2.21.0")
    broken = [msgspec.structs.replace(series, data={"files": 3}) for series in run.series]
    legs = [
        Leg("py311-tf221", "2.21.0", "3.11", run=Records(header=run.header, results=run.results, series=broken))
    ]
    assert tables(legs) == []


def test_markdown_has_a_row_for_each_leg_and_as_many_cells_in_each() -> None:
    lines = [line for line in markdown(sample_matrix.troubled()).splitlines() if line.startswith("|")]
    table = lines[: 2 + len(sample_matrix.troubled())]
    assert {line.count("|") for line in table} == {len(SECTIONS) + 3}
    assert "| 2.12.1 | Python 3.11 · Keras 2.12.0 | ✓ 4/4 |" in table[2]


def test_the_conformance_report_shows_the_matrix_where_it_is_given() -> None:
    with_matrix = parse(conformance.render([sample.reference()], None, sample_matrix.troubled()))
    headings = {heading.text.strip() for heading in with_matrix.all("h2")}
    matrix = {"TensorFlow versions", "Converter and runtime", "Leg by leg"}
    assert matrix <= headings
    without = parse(conformance.render([sample.reference()]))
    assert not matrix & {heading.text.strip() for heading in without.all("h2")}


def test_the_same_legs_give_the_same_page(page: str) -> None:
    assert render(sample_matrix.troubled()) == page
