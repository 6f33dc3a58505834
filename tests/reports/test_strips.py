from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.margins import room
from reports.strips import WIDTH, Distribution, Strip, WrongCase, strip
from suites.records import Measurement

finite = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)


def at_most(measured: float | None, limit: float) -> Measurement:
    margin = None if measured is None else limit - measured
    return Measurement(
        quantity="q",
        measured=measured,
        criterion=f"≤ {limit}",
        ok=bool(margin and margin >= 0),
        limit=limit,
        margin=margin,
    )


def at_least(measured: float, limit: float) -> Measurement:
    margin = measured - limit
    return Measurement(
        quantity="q", measured=measured, criterion=f"≥ {limit}", ok=margin >= 0, limit=limit, margin=margin
    )


@given(finite, finite, st.lists(finite, max_size=8), st.lists(finite, max_size=8))
def test_places_keep_the_order_of_values(
    measured: float, limit: float, right: list[float], wrong: list[float]
) -> None:
    cases = [WrongCase("wrong", value) for value in wrong]
    known = Distribution(right=[*right], wrong=cases, limit=limit, comparison="at most")
    assert_ordered(strip(at_most(measured, limit), known), measured, limit, right, wrong)


shares = st.floats(min_value=0, max_value=1)


@given(shares, st.floats(min_value=0.9, max_value=1), st.lists(shares, max_size=8), st.lists(shares, max_size=8))
def test_places_of_shares_near_one_keep_their_order(
    measured: float, limit: float, right: list[float], wrong: list[float]
) -> None:
    cases = [WrongCase("wrong", value) for value in wrong]
    known = Distribution(right=[*right], wrong=cases, limit=limit, comparison="at least")
    assert_ordered(strip(at_least(measured, limit), known), measured, limit, right, wrong)


def test_shares_near_one_are_told_apart() -> None:
    wrong = [WrongCase("another model's file", 0.08), WrongCase("a dead class", 0.8865)]
    known = Distribution(right=[0.994, 0.9955], wrong=wrong, limit=0.97, comparison="at least")
    drawn = strip(at_least(0.994, 0.97), known)
    assert drawn is not None
    assert max(drawn.wrong) + 20 < drawn.limit < min(drawn.right) - 20
    assert "logarithmic towards 1 scale" in drawn.words


def assert_ordered(
    drawn: Strip | None, measured: float, limit: float, right: list[float], wrong: list[float]
) -> None:
    assert drawn is not None
    assert drawn.dot is not None
    pairs = [(measured, drawn.dot), (limit, drawn.limit)]
    pairs += [*zip(right, drawn.right, strict=True), *zip(wrong, drawn.wrong, strict=True)]
    places = [place for _, place in sorted(pairs)]
    assert places == sorted(places)
    assert min(places) >= 0
    assert max(places) <= WIDTH


def test_a_limit_parts_right_from_wrong() -> None:
    cases = [WrongCase("one epoch", 0.05), WrongCase("scaled units", 0.47)]
    known = Distribution(right=[0.0002, 0.0011], wrong=cases, limit=0.004, comparison="at most", seeds=2)
    drawn = strip(at_most(0.0004, 0.004), known)
    assert drawn is not None
    assert max(drawn.right) < drawn.limit < min(drawn.wrong)
    assert drawn.allowed[1] == drawn.limit
    assert "right work 0.0002 to 0.0011 over 2 seeds; wrong work 0.05 to 0.47; logarithmic scale" in drawn.words
    assert drawn.wrong_cases == (("one epoch", "0.05"), ("scaled units", "0.47"))


def test_the_allowed_side_of_at_least_is_the_right_one() -> None:
    measurement = Measurement(quantity="q", measured=0.65, criterion="≥ 0.55", ok=True, limit=0.55, margin=0.1)
    drawn = strip(measurement, None)
    assert drawn is not None
    assert drawn.allowed[0] == drawn.limit
    assert drawn.dot is not None
    assert drawn.dot > drawn.limit


def test_a_measurement_beyond_the_limit_is_marked() -> None:
    drawn = strip(at_most(0.5, 0.3), None)
    assert drawn is not None
    assert not drawn.ok


@pytest.mark.parametrize("limit", [2, "Dense(1, linear)", True, None])
def test_exact_criteria_have_no_strip(limit: int | str | bool | None) -> None:
    measurement = Measurement(quantity="q", measured=2, criterion="= 2", ok=True, limit=limit, margin=None)
    assert strip(measurement, None) is None


def test_values_that_json_could_not_hold_are_left_out() -> None:
    known = Distribution(right=[0.1, None], wrong=[WrongCase("lost", None)], limit=0.3, comparison="at most")
    drawn = strip(at_most(0.2, 0.3), known)
    assert drawn is not None
    assert len(drawn.right) == 1
    assert drawn.wrong == ()
    assert strip(at_most(None, 0.3), known) is None


@pytest.mark.parametrize(
    ("criterion", "measured", "limit", "margin", "left"),
    [("≤ 0.3", 0.27, 0.3, 0.03, 0.1), ("≥ 0.97", 0.985, 0.97, 0.015, 0.5), ("≤ 0.3", 0.6, 0.3, -0.3, -1.0)],
)
def test_room_is_the_share_of_what_is_allowed(
    criterion: str, measured: float, limit: float, margin: float, left: float
) -> None:
    measurement = Measurement(
        quantity="q", measured=measured, criterion=criterion, ok=margin >= 0, limit=limit, margin=margin
    )
    assert room(measurement) == pytest.approx(left)
