from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.text import cut, duration, listing, moment, number, percent, plural, shorten, signed, visible

INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_nothing_invisible_is_left(text: str) -> None:
    assert not {unicodedata.category(char) for char in visible(text)} & INVISIBLE


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [("a\x1b[31mb", r"a\x1b[31mb"), ("exe\u202etxt", r"exe\u202etxt"), ("\x00", r"\x00"), ("one\ntwo", "one↵two")],
)
def test_invisible_characters_are_spelled_out(hidden: str, shown: str) -> None:
    assert visible(hidden) == shown


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (167_562, "167,562"),
        (-3, "−3"),
        (0.0, "0"),
        (True, "yes"),
        (None, "–"),
        ("Dense(1)", "Dense(1)"),
        (0.65, "0.65"),
        (0.6497, "0.65"),
        (200.6355, "201"),
        (2048368.0, "2,048,368"),
        (2.5e-6, "2.5×10⁻⁶"),
        (-1e-9, "−10⁻⁹"),
        (1.5e12, "1.5×10¹²"),
        (0.09999999, "0.1"),
        (999.96, "1,000"),
        (float("nan"), "not a number"),
        (float("-inf"), "−infinite"),
    ],
)
def test_numbers_read_as_numbers(value: float | int | str | bool | None, written: str) -> None:
    assert number(value) == written


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(min_value=1, max_value=8))
def test_a_written_number_is_the_rounded_number(value: float, digits: int) -> None:
    superscripts = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    text = number(value, digits).replace("−", "-").replace(",", "")
    mantissa, ten, power = (
        text.rpartition("10") if "×10" in text or text.lstrip("-").startswith("10") else (text, "", "")
    )
    if ten and power and power[0] in "⁻⁰¹²³⁴⁵⁶⁷⁸⁹":
        digits_before = mantissa.rstrip("×") or "1"
        text = f"{'-1' if digits_before == '-' else digits_before}e{power.translate(superscripts)}"
    exact = f"{value:.{digits - 1}e}"
    # Whole numbers keep the digits before the point, which may be more than were asked for.
    assert float(text) == pytest.approx(float(exact), rel=0.5 * 10.0 ** (1 - digits), abs=0)


def test_signs_shares_and_times() -> None:
    assert signed(0.5) == "+0.5"
    assert signed(-0.5) == "−0.5"
    assert percent(0.6497) == "65.0\u202f%"
    assert duration(0.00213) == "2.13\u202fms"
    assert duration(29.1) == "29.1\u202fs"
    assert duration(3e-7) == "0.3\u202fµs"


def test_long_texts_say_how_long_they_were() -> None:
    assert cut("x" * 5_000, 10) == f"{'x' * 10}… (cut, 5,000 characters)"
    assert cut("short", 10) == "short"


@given(st.text(), st.integers(min_value=3, max_value=40))
def test_labels_keep_their_limit_and_both_ends(text: str, limit: int) -> None:
    label = shorten(text, limit)
    assert len(label) <= limit
    assert label[0:1] == text[0:1]
    assert label[-1:] == text[-1:]


def test_words() -> None:
    assert listing(["a", "b", "c"]) == "a, b and c"
    assert listing(["a"]) == "a"
    assert plural(1, "check") == "1 check"
    assert plural(2_000, "check") == "2,000 checks"
    assert moment("2026-11-25T12:50:03.5+00:00") == "2026-11-25 12:50 UTC"
    assert moment("yester\x1bday") == r"yester\x1bday"
