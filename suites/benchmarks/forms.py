"""How much the benchmarks run: a minute for every report, or as much as the lab itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """Sizes of everything that is timed.

    `rounds` is how often both sides of a comparison run, alternately. `tuned_epochs` is smallest, largest and
    step, as the search draws them; images are training images, and a quarter as many to validate on.
    `latencies` are the timed calls of a model on one image, `loads` those of opening a file, `starts` the
    processes started, `conversions` those of each kind.
    """

    name: str
    rounds: int
    linear_epochs: int
    trials: int
    tuned_epochs: tuple[int, int, int]
    logistic_epochs: int
    cnn_images: int
    cnn_epochs: int
    transfer_images: int
    transfer_epochs: int
    conversions: int
    latencies: int
    loads: int
    starts: int


SHORT = Form(
    name="short",
    rounds=2,
    linear_epochs=6,
    trials=2,
    tuned_epochs=(3, 3, 1),
    logistic_epochs=20,
    cnn_images=320,
    cnn_epochs=1,
    transfer_images=40,
    transfer_epochs=4,
    conversions=1,
    latencies=40,
    loads=5,
    starts=2,
)
"""Its ratios are smaller than at the lab's own epochs: compiling, which both sides do, weighs more."""

FULL = Form(
    name="full",
    rounds=3,
    linear_epochs=100,
    trials=10,
    tuned_epochs=(50, 200, 10),
    logistic_epochs=100,
    cnn_images=6_000,
    cnn_epochs=2,
    transfer_images=500,
    transfer_epochs=10,
    conversions=5,
    latencies=500,
    loads=20,
    starts=7,
)
"""The lab's own epochs and trials; images fewer than the lab's, since one image costs what another does."""

FORMS = {form.name: form for form in (SHORT, FULL)}
