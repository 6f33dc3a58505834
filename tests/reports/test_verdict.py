from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reports.verdict import judge, outcomes_by_check
from suites.records import Measurement, Outcome, Records, Result
from tests.reports import sample


def result(check: str, outcome: Outcome = "passed", **fields: Any) -> Result:
    return Result(check=check, outcome=outcome, points=2.0, max_points=2.0, **fields)


def limited(measured: float, limit: float, margin: float, sign: str = "≤") -> Measurement:
    return Measurement(
        quantity="share", measured=measured, criterion=f"{sign} {limit}", ok=margin >= 0, limit=limit, margin=margin
    )


def test_a_run_in_which_everything_holds_passes() -> None:
    verdict = judge([sample.reference()])
    assert verdict.word == "PASS"
    assert verdict.sentence == "25 of 26 checks hold on TensorFlow 2.21.0; 1 was skipped."
    assert {count.word: count.number for count in verdict.counts} == {
        "declared": 30, "ran": 28, "passed": 28, "failed": 0, "missing": 0, "skipped": 1, "inform only": 1,
    }  # fmt: skip
    assert (verdict.points, verdict.max_points) == (96.0, 96.0)


def test_it_names_the_check_closest_to_its_limit() -> None:
    near = result("linear/near", measurements=[limited(0.29, 0.30, 0.01)])
    far = result("linear/far", measurements=[limited(0.1, 0.3, 0.2)])
    share = result("linear/share", measurements=[limited(0.995, 0.97, 0.025, "≥")])
    verdict = judge([sample.bare(far, near, share)])
    assert verdict.cell == "linear/near"
    assert verdict.lead == "Closest to its limit:"


@pytest.mark.parametrize("outcome", ["failed", "missing", "xpassed"])
def test_one_cell_that_does_not_hold_fails_the_run(outcome: Outcome) -> None:
    verdict = judge([sample.bare(result("linear/a"), result("linear/b", outcome, message="why not"))])
    assert verdict.word == "FAIL"
    assert verdict.sentence.startswith("1 of 2 checks does not hold")
    assert (verdict.cell, verdict.finding) == ("linear/b", ", why not.")


def test_an_expected_cell_without_a_result_fails_the_run() -> None:
    verdict = judge([sample.without(sample.reference(), "cnn/accuracy")])
    assert verdict.word == "FAIL"
    assert "1 expected cell without a result" in verdict.sentence
    assert verdict.cell == "cnn/accuracy"
    assert {count.word: count.number for count in verdict.counts}["missing"] == 1


def test_a_missing_variant_is_not_hidden_by_its_neighbour() -> None:
    run = sample.without(sample.reference(), "tflite/linear-parity[litert]")
    assert judge([run]).word == "FAIL"
    assert outcomes_by_check([run])["tflite/linear-parity"] == "missing"


def test_silence_never_passes() -> None:
    assert judge([]).word == "FAIL"
    assert judge([sample.bare()]).word == "FAIL"
    undeclared = sample.changed(sample.reference(), {}, expected=[])
    assert judge([undeclared]).word == "FAIL"
    assert judge([sample.reference(), sample.bare()]).word == "FAIL"


def test_a_fault_of_ours_is_inconclusive() -> None:
    verdict = judge([sample.bare(result("linear/a"), result("linear/b", "errored", message="worker died"))])
    assert verdict.word == "INCONCLUSIVE"
    assert "through no fault of the work" in verdict.sentence
    assert verdict.cell == "linear/b"


def test_a_run_in_which_everything_was_skipped_is_inconclusive() -> None:
    assert judge([sample.bare(result("linear/a", "skipped"))]).word == "INCONCLUSIVE"


def test_a_fault_of_ours_does_not_hide_a_failure() -> None:
    cells = [result("linear/a", "errored", variant="x"), result("linear/a", "failed", variant="y")]
    for order in (cells, cells[::-1]):
        run = sample.bare(*order)
        assert judge([run]).word == "FAIL"
        assert outcomes_by_check([run]) == {"linear/a": "failed"}


def test_informing_variants_fail_nothing() -> None:
    informing = msgspec.structs.replace(result("linear/b", "failed", variant="board"), informs=True)
    verdict = judge([sample.bare(result("linear/a"), informing)])
    assert verdict.word == "PASS"
    assert {count.word: count.number for count in verdict.counts}["failed"] == 0


def test_known_failures_are_counted_apart() -> None:
    verdict = judge([sample.bare(result("linear/a"), result("linear/b", "xfailed"))])
    assert verdict.word == "PASS"
    assert verdict.sentence == "1 of 2 checks hold on TensorFlow 2.21.0; 1 known failure."


def test_the_worst_of_several_failures_is_named() -> None:
    slightly = result("linear/slightly", "failed", measurements=[limited(0.31, 0.3, -0.01)], message="a little")
    badly = result("linear/badly", "failed", measurements=[limited(3.0, 0.3, -2.7)], message="a lot")
    gone = result("linear/gone", "missing")
    assert judge([sample.bare(gone, slightly, badly)]).cell == "linear/badly"


def test_every_outcome_counts_once() -> None:
    verdict = judge([sample.troubled()])
    counts = {count.word: count.number for count in verdict.counts}
    assert counts["declared"] == counts["ran"] + counts["missing"] + counts["skipped"] + counts["inform only"]
    assert verdict.word == "FAIL"
    assert verdict.sentence == (
        "3 of 26 checks do not hold on TensorFlow 2.21.0; 1 could not be judged; 1 known failure; 1 was skipped."
    )


def test_one_run_that_fails_fails_the_report() -> None:
    runs: list[Records] = [sample.reference(), sample.troubled()]
    assert judge(runs).word == "FAIL"
    assert judge(runs[::-1]).sentence == judge(runs).sentence
