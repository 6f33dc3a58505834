"""Criteria hold for what is inside the limit and for nothing that is no number."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.criteria import at_least, at_most, equal, number
from suites.specification import CHECK
from suites.verify import CheckFailed, Verify

numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(numbers, numbers)
def test_margin_is_positive_exactly_where_the_criterion_holds(limit: float, measured: float) -> None:
    for criterion in (at_most(limit, "test"), at_least(limit, "test")):
        margin = criterion.margin(measured)
        assert margin is not None
        assert (margin >= 0) == criterion.holds(measured)


@pytest.mark.parametrize("measured", [math.nan, math.inf, -math.inf, None])
def test_what_is_no_number_holds_nowhere(measured: float | None) -> None:
    assert not at_most(1.0, "test").holds(measured)
    assert not at_least(-1.0, "test").holds(measured)
    assert not equal(1.0, "test").holds(measured)


def test_words_are_not_ordered() -> None:
    with pytest.raises(TypeError):
        at_most(1.0, "test").holds("small")


@pytest.mark.parametrize(
    ("value", "text"),
    [(167562, "167,562"), (0.0004, "0.0004"), (1234.5, "1234"), (2.0, "2"), (True, "yes"), (None, "nothing"),
     (math.nan, "nan"), ("Dense", "Dense")],
)  # fmt: skip
def test_numbers_read_well(value: float | str | None, text: str) -> None:
    assert number(value) == text


def test_verify_measures_everything_before_it_fails() -> None:
    verify = Verify(CHECK["linear/coefficient-agreement"])
    assert not verify("slope", 0.2, 0.1)
    assert verify("intercept", 200.6, 200.6)
    assert [m.ok for m in verify.measurements] == [False, True]
    with pytest.raises(
        CheckFailed, match=r"^slope = 0.2 against 0.1: 0.1 apart, should be ≤ 0\.\d+ price per sq ft$"
    ):
        verify.conclude()


def test_verify_says_what_should_be() -> None:
    verify = Verify(CHECK["cnn/parameter-count"])
    verify("parameters", 282_250, because=": is the padding “same”?")
    with pytest.raises(CheckFailed, match="parameters = 282,250, should be 167,562: is the padding “same”"):
        verify.conclude()


def test_a_check_that_measures_nothing_is_a_fault() -> None:
    with pytest.raises(RuntimeError, match="measured nothing"):
        Verify(CHECK["cnn/accuracy"]).conclude()


def test_nan_is_recorded_as_missing_and_fails() -> None:
    verify = Verify(CHECK["linear/coefficient-agreement"])
    verify("slope", math.nan, 0.1)
    assert verify.measurements[0].measured is None
    with pytest.raises(CheckFailed, match="slope is not a finite number"):
        verify.conclude()


def test_a_quantity_that_the_table_lacks_is_refused() -> None:
    with pytest.raises(KeyError):
        Verify(CHECK["cnn/accuracy"])("slope", 1.0)
