from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reports.benchmarks import BenchmarksError, groups, load
from reports.conformance import render
from reports.figures.timing import ecdf, timing
from tests.reports import sample
from tests.reports.html import parse
from tests.reports.sample_benchmarks import benchmarks


def bench(name: str, data: list[float], **extra: str) -> dict[str, Any]:
    middle = sorted(data)[len(data) // 2]
    stats = {"min": min(data), "max": max(data), "median": middle, "rounds": len(data), "data": data}
    return {"name": name, "group": "group", "stats": stats, "extra_info": extra}


def test_the_labs_way_is_what_the_others_are_compared_with() -> None:
    found = [
        bench("bench_a", [1.0]),
        bench("bench_keras", [1.0], library="keras"),
        bench("bench_z", [1.0], way="lab"),
    ]
    [group] = groups({"benchmarks": found})
    assert group.baseline.label == "z"
    [group] = groups({"benchmarks": found[:2]})
    assert group.baseline.label == "keras"
    [group] = groups({"benchmarks": found[:1]})
    assert group.ratios() == []


def test_a_ratio_is_of_medians_and_its_range_claims_no_more_than_the_rounds() -> None:
    found = [bench("lab", [28.0, 29.0, 30.0], way="lab"), bench("ours", [9.0, 10.0, 12.0], way="ours")]
    [ratio] = groups({"benchmarks": found})[0].ratios()
    assert ratio.ratio == pytest.approx(2.9)
    assert (ratio.low, ratio.high) == (pytest.approx(28 / 12), pytest.approx(30 / 9))


def test_names_read_as_words() -> None:
    found = {"benchmarks": [bench("test_linear_fit[lab]", [1.0]), bench("bench_x", [1.0], label="a label")]}
    assert {b.label for b in groups(found)[0].benches} == {"linear fit, lab", "a label"}


def test_a_summary_without_rounds_still_shows_its_spread() -> None:
    entry = {"name": "n", "group": None, "stats": {"min": 1.0, "max": 3.0, "median": 2.0, "rounds": 50}}
    [group] = groups({"benchmarks": [entry]})
    assert group.name == "n"
    assert group.baseline.rounds == (1.0, 2.0, 3.0)
    assert not group.baseline.complete
    assert group.baseline.count == 50


def test_times_that_cannot_be_are_left_out() -> None:
    assert groups({"benchmarks": [bench("n", [0.0, 1.0])]}) == []


@pytest.mark.parametrize("content", [{}, {"benchmarks": [{"name": "n"}]}, {"benchmarks": "none"}])
def test_other_json_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(BenchmarksError, match="--benchmark-json"):
        groups(content)


def test_unreadable_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BenchmarksError, match="No such file"):
        load(tmp_path / "absent.json")
    broken = tmp_path / "broken.json"
    broken.write_text('{"benchmarks": [')
    with pytest.raises(BenchmarksError, match="is not the JSON"):
        load(broken)
    broken.write_text("[1]")
    with pytest.raises(BenchmarksError):
        load(broken)


def test_all_rounds_are_drawn_where_they_are_few_and_quantiles_where_many() -> None:
    few = [bench("a", [1.0, 2.0, 3.0], library="keras"), bench("b", [1.0, 1.5], library="tflite")]
    [group] = groups({"benchmarks": few})
    plot = timing(group, "t")
    assert ecdf(group, "e") is None
    assert [row[:2] for row in plot.data.rows] == [("a", 3), ("b", 2)]
    many = groups(benchmarks())
    inference = next(group for group in many if group.name == "inference, batch 1")
    curve = ecdf(inference, "e")
    assert curve is not None
    assert curve.caption.startswith("The longest tail: 5 % of the rounds")


def test_the_caption_speaks_of_our_way_where_there_is_one() -> None:
    linear = next(group for group in groups(benchmarks()) if group.name == "linear fit")
    assert timing(linear, "t").caption.startswith("Linear fit, ours is 3.1")
    tuner = next(group for group in groups(benchmarks()) if group.name == "tuner search")
    assert timing(tuner, "t").caption.endswith("on one round each.")


def test_ratios_stand_in_a_table() -> None:
    tree = parse(render([sample.plain()], benchmarks()))
    table = next(t for t in tree.all("table") if "Times as fast" in t.text)
    assert len(table.all("tbody")[0].all("tr")) == 9
    assert "one round each" in table.text


def test_no_benchmarks_no_section() -> None:
    assert "Times as fast" not in render([sample.plain()], {"benchmarks": []})
