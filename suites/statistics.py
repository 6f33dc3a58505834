"""Intervals and least squares, in NumPy alone so that judging starts at once; tests hold each to a library."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Z95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""
Z95_ONE_SIDED = 1.6448536269514722
"""One-sided 95 % quantile of the normal distribution."""

Floats = npt.NDArray[np.floating]


def wilson(successes: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (E. B. Wilson, 1927).

    Raises:
        ValueError: fewer than one trial, or more successes than trials.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is no proportion")
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


@dataclass(frozen=True)
class PairedDrop:
    """Accuracy lost between two models on the same examples: ``lost`` right before and wrong after."""

    lost: int
    gained: int
    examples: int

    @property
    def drop(self) -> float:
        """Accuracy before less accuracy after."""
        return (self.lost - self.gained) / self.examples

    def upper_limit(self) -> float:
        """Upper one-sided 95 % limit of the drop.

        Identical decisions have no uncertainty: 0. Otherwise the paired Wald limit with half an example added to
        each of the two discordant counts (A. Agresti, Y. Min, 2005), so that few of them are no certainty.
        """
        if self.lost == self.gained == 0:
            return 0.0
        lost, gained, examples = self.lost + 0.5, self.gained + 0.5, self.examples + 1
        difference = (lost - gained) / examples
        variance = (lost + gained - (lost - gained) ** 2 / examples) / examples**2
        return difference + Z95_ONE_SIDED * math.sqrt(max(variance, 0.0))


def paired_drop(before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_]) -> PairedDrop:
    """Count the examples that only one of two models gets right; both arrays (n,), in the same order."""
    if before.shape != after.shape:
        raise ValueError(f"paired answers have shapes {before.shape} and {after.shape}")
    return PairedDrop(int((before & ~after).sum()), int((~before & after).sum()), int(before.size))


@dataclass(frozen=True)
class Line:
    """A straight line in original units."""

    slope: float
    intercept: float

    def __call__(self, x: Floats) -> Floats:
        """Heights of the line at ``x``, in the same shape."""
        return self.slope * x + self.intercept


def normal_equation(x: Floats, y: Floats) -> Line:
    """The closed form θ = (XᵀX)⁻¹Xᵀy for one feature, in float64; x and y hold n values each."""
    design = np.column_stack([x.ravel(), np.ones(x.size)])
    slope, intercept = np.linalg.solve(design.T @ design, design.T @ y.ravel())
    return Line(float(slope), float(intercept))


def least_squares(x: Floats, y: Floats) -> Line:
    """Ordinary least squares through the means (as stable as the data allow), in float64."""
    x, y = x.ravel(), y.ravel()
    centred = x - x.mean()
    slope = float(centred @ (y - y.mean()) / (centred @ centred))
    return Line(slope, float(y.mean() - slope * x.mean()))


def logistic_fit(x: Floats, y: npt.NDArray[np.integer], penalty: float = 0.0) -> npt.NDArray[np.float64]:
    """Maximum-likelihood logistic regression by Newton's method; returns (w_1, …, w_k, b).

    ``penalty`` is 1/C of scikit-learn: it weighs half the squared length of w, never of b. x is (n, k), y (n,) of
    0 and 1.

    Raises:
        ArithmeticError: no convergence in 100 steps, as with separable classes and no penalty.
    """
    design = np.column_stack([x, np.ones(len(x))]).astype(np.float64)
    ridge = np.diag([*np.full(x.shape[1], penalty), 0.0])
    weights = np.zeros(design.shape[1])
    for _ in range(100):
        probability = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (probability - y) + ridge @ weights
        hessian = (design * (probability * (1 - probability))[:, None]).T @ design + ridge
        step = np.linalg.solve(hessian, gradient)
        weights -= step
        if np.abs(step).max() < 1e-12 * max(1.0, np.abs(weights).max()):
            return weights
    raise ArithmeticError("logistic regression did not converge")
