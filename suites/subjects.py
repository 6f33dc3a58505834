"""What a model file says about the lab's data, whatever preprocessing it was trained with.

A model trained on standardised, min-max-scaled or raw inputs is right if it is right: the usual candidates are
tried, the one that fits the data best is used, and its name goes into the record. The lab's own is tried first,
so it wins a tie.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fixtures.houses import Houses
from fixtures.points import Points
from suites.statistics import Line

Array = npt.NDArray[np.floating]


class Predictor(Protocol):
    """A model read as data: x (n, …) float32 to outputs (n, k) float32."""

    def predict(self, x: npt.NDArray[np.float32], batch_size: int = 256) -> npt.NDArray[np.float32]:
        """Outputs (n, k) for inputs (n, …)."""
        ...


@dataclass(frozen=True)
class Scaling:
    """scaled = (x - shift) / scale, feature by feature."""

    name: str
    shift: Array
    scale: Array

    def apply(self, x: Array) -> npt.NDArray[np.float32]:
        """Scale, in float64, and round to the float32 that a model reads."""
        return ((x - self.shift) / self.scale).astype(np.float32)

    def invert(self, x: Array) -> npt.NDArray[np.float64]:
        """Bring scaled values back to original units."""
        return x.astype(np.float64) * self.scale + self.shift


def scalings(x: Array) -> tuple[Scaling, ...]:
    """The usual ways to scale the columns of ``x`` (n, k): the lab's first."""
    mean, low, high = x.mean(axis=0), x.min(axis=0), x.max(axis=0)
    zero, one = np.zeros_like(mean), np.ones_like(mean)
    return (
        Scaling("standardised", mean, x.std(axis=0)),
        Scaling("unscaled", zero, one),
        Scaling("scaled to 0…1", low, high - low),
        Scaling("divided by the maximum", zero, high),
        Scaling("divided by 1,000", zero, 1000 * one),
        Scaling("centred", mean, one),
        Scaling("standardised with n − 1", mean, x.std(axis=0, ddof=1)),
    )


@dataclass(frozen=True)
class LinearSubject:
    """A model of the 10,000 houses, in original units."""

    line: Line
    predictions: npt.NDArray[np.float64]
    scaling: str


def linear_subject(model: Predictor, houses: Houses) -> LinearSubject:
    """Recognise how house sizes and prices were scaled, by the smallest squared error over all houses."""
    best: tuple[float, npt.NDArray[np.float64], str] | None = None
    for x_scaling in scalings(houses.x):
        outputs = model.predict(x_scaling.apply(houses.x))
        for y_scaling in scalings(houses.y):
            predictions = y_scaling.invert(outputs)
            error = float(np.mean((predictions - houses.y) ** 2))
            # Only a clear gain displaces an earlier candidate: n and n - 1 differ by rounding here.
            if np.isfinite(error) and (best is None or error < 0.999 * best[0]):
                best = error, predictions, f"house sizes {x_scaling.name}, prices {y_scaling.name}"
    if best is None:
        nothing = np.full_like(houses.y, np.nan)
        return LinearSubject(Line(np.nan, np.nan), nothing, "no finite output under any usual scaling")
    slope, intercept = np.polyfit(houses.x.ravel(), best[1].ravel(), 1)
    return LinearSubject(Line(float(slope), float(intercept)), best[1], best[2])


@dataclass(frozen=True)
class LogisticSubject:
    """A model of the two-class points: probability of class 1 at points in original units."""

    probability: Callable[[Array], npt.NDArray[np.float64]]
    scaling: str

    def classes(self, x: Array) -> npt.NDArray[np.int64]:
        """Class 0 or 1 of points (n, 2); −1 where the probability is not a number, since ``> 0.5`` says 0."""
        probability = self.probability(x)
        return np.where(np.isfinite(probability), probability > 0.5, -1).astype(np.int64)

    def coefficients(self, at: Array) -> npt.NDArray[np.float64]:
        """(w1, w2, b) in original units, from the log-odds around the point ``at`` (2,)."""
        probe = at + np.array([[0, 0], [0.5, 0], [0, 0.5]])
        probability = self.probability(probe)
        log_odds = np.log(probability) - np.log1p(-probability)
        weights = (log_odds[1:] - log_odds[0]) / 0.5
        return np.array([*weights, log_odds[0] - weights @ at])


def logistic_subject(model: Predictor, points: Points) -> LogisticSubject:
    """Recognise how the points were scaled, by the smallest cross-entropy on the training points."""
    best: tuple[float, Scaling] | None = None
    candidates = scalings(points.x_train)
    for scaling in (candidates[1], candidates[0], *candidates[2:]):  # the lab does not scale here
        probability = model.predict(scaling.apply(points.x_train)).ravel().astype(np.float64)
        clipped = np.clip(probability, 1e-7, 1 - 1e-7)
        loss = -float(np.mean(np.log(np.where(points.y_train == 1, clipped, 1 - clipped))))
        if np.isfinite(loss) and (best is None or loss < 0.999 * best[0]):
            best = loss, scaling
    scaling = best[1] if best else candidates[1]

    def probability_of_one(x: Array) -> npt.NDArray[np.float64]:
        return model.predict(scaling.apply(x)).ravel().astype(np.float64)

    return LogisticSubject(probability_of_one, f"points {scaling.name}")


Pixels = npt.NDArray[np.uint8]

PIXEL_SCALINGS: Mapping[str, Callable[[Pixels], npt.NDArray[np.float32]]] = {
    "divided by 255": lambda x: x.astype(np.float32) / np.float32(255),
    "0…255": lambda x: x.astype(np.float32),
    "scaled to −1…1": lambda x: x.astype(np.float32) / np.float32(127.5) - np.float32(1),
    "standardised over all pixels": lambda x: (x.astype(np.float32) - np.float32(120.7)) / np.float32(64.2),
    "centred, divided by 255": lambda x: x.astype(np.float32) / np.float32(255) - np.float32(0.4734),
}
"""How pixels are usually scaled; the last two with the mean and deviation of CIFAR-10's training images."""


def pixel_scaling(model: Predictor, x: Pixels, y: npt.NDArray[np.int64]) -> str:
    """Recognise how pixels were scaled, by the cross-entropy on a few images (n, 32, 32, 3) with labels (n,).

    Accuracy would not tell: a network of convolutions and ReLUs decides nearly the same on pixels 255 times as
    large, only far too confidently.
    """
    losses = {name: _cross_entropy(model.predict(scale(x)), y) for name, scale in PIXEL_SCALINGS.items()}
    return min(losses, key=losses.__getitem__)


def _cross_entropy(probabilities: npt.NDArray[np.float32], y: npt.NDArray[np.int64]) -> float:
    """Mean negative log-likelihood of the labels; infinite where any output is no number."""
    if not np.isfinite(probabilities).all():
        return float("inf")
    chosen = probabilities[np.arange(len(y)), y].astype(np.float64)
    return -float(np.mean(np.log(np.clip(chosen, 1e-12, 1))))


@dataclass(frozen=True)
class ImageSubject:
    """A classifier's answers on test images."""

    probabilities: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    scaling: str

    @cached_property
    def classes(self) -> npt.NDArray[np.int64]:
        """The predicted class of each image; −1 where any output is not finite, since argmax would say 0."""
        finite = np.isfinite(self.probabilities).all(axis=1)
        return np.where(finite, self.probabilities.argmax(axis=1), -1)

    @cached_property
    def right(self) -> npt.NDArray[np.bool_]:
        """Which images are classified as labelled."""
        return np.asarray(self.classes == self.labels)

    def first(self, n: int) -> ImageSubject:
        """The answers on the first ``n`` images."""
        return ImageSubject(self.probabilities[:n], self.labels[:n], self.scaling)

    @property
    def accuracy(self) -> float:
        """Share of the images that are classified as labelled."""
        return float(self.right.mean())

    def confusion(self, classes: int) -> npt.NDArray[np.int64]:
        """Counts (classes, classes): rows are labels, columns predictions; unfinite answers count nowhere."""
        counts = np.zeros((classes, classes), np.int64)
        known = self.classes >= 0
        np.add.at(counts, (self.labels[known], self.classes[known]), 1)
        return counts
