"""Our NumPy statistics against the libraries that everybody trusts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fixtures.points import points
from suites.statistics import (
    PairedDrop,
    least_squares,
    logistic_fit,
    normal_equation,
    paired_drop,
    wilson,
)

finite = st.floats(-1e3, 1e3, allow_nan=False)


@given(trials=st.integers(1, 10_000), share=st.floats(0, 1))
def test_wilson_is_statsmodels(trials: int, share: float) -> None:
    from statsmodels.stats.proportion import proportion_confint

    successes = round(trials * share)
    assert wilson(successes, trials) == pytest.approx(
        proportion_confint(successes, trials, method="wilson"), abs=1e-12
    )


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (-1, 10), (11, 10)])
def test_wilson_refuses_what_is_no_proportion(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson(successes, trials)


@given(
    arrays(np.float64, st.integers(3, 60), elements=finite, unique=True),
    st.integers(0, 2**32 - 1),
    st.tuples(finite, finite),
)
def test_three_ways_to_the_least_squares_line_agree(
    x: npt.NDArray[np.float64], seed: int, truth: tuple[float, float]
) -> None:
    """The closed form, the centred form and scikit-learn, on any data that are not nearly one point."""
    from sklearn.linear_model import LinearRegression

    assume(np.std(x) > 1)
    y = truth[0] * x + truth[1] + np.random.default_rng(seed).normal(size=x.size)
    library = LinearRegression().fit(x[:, None], y)
    scale = np.abs(y).max() + 1
    for line in (normal_equation(x, y), least_squares(x, y)):
        np.testing.assert_allclose(line(x), library.predict(x[:, None]), atol=1e-6 * scale)


@pytest.mark.parametrize("c", [0.1, 1.0, 10.0])
def test_logistic_fit_is_scikit_learns(c: float) -> None:
    from sklearn.linear_model import LogisticRegression

    data = points()
    library = LogisticRegression(C=c, tol=1e-10, max_iter=1000).fit(data.x_train, data.y_train)
    expected = [*library.coef_[0], library.intercept_[0]]
    np.testing.assert_allclose(logistic_fit(data.x_train, data.y_train, penalty=1 / c), expected, atol=1e-5)


def test_logistic_fit_says_when_there_is_no_maximum() -> None:
    x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    with pytest.raises((ArithmeticError, np.linalg.LinAlgError)):
        logistic_fit(x, np.array([0, 0, 1, 1]))


def test_paired_drop_counts_each_direction() -> None:
    before = np.array([1, 1, 1, 0, 0], bool)
    after = np.array([1, 0, 0, 1, 0], bool)
    assert paired_drop(before, after) == PairedDrop(lost=2, gained=1, examples=5)
    with pytest.raises(ValueError, match="shapes"):
        paired_drop(before, after[:4])


def test_identical_decisions_leave_no_doubt() -> None:
    assert PairedDrop(0, 0, 200).upper_limit() == 0


def test_the_upper_limit_covers_the_true_drop() -> None:
    """Over simulated pairs the one-sided limit is above the true drop about 95 times in 100."""
    random = np.random.default_rng(5)
    n, lost, gained = 2_000, 0.012, 0.008
    draws = random.multinomial(n, [lost, gained, 1 - lost - gained], size=4_000)
    covered = np.mean([PairedDrop(int(a), int(b), n).upper_limit() >= lost - gained for a, b, _ in draws])
    assert 0.94 <= covered <= 0.97


@given(lost=st.integers(0, 300), gained=st.integers(0, 300))
def test_the_limit_is_above_the_estimate(lost: int, gained: int) -> None:
    pair = PairedDrop(lost, gained, 1_000)
    assert pair.upper_limit() >= pair.drop - 1e-3
