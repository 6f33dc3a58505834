"""What can be asked of the reference; the defaults are the lab's own values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from reference.errors import ProduceError

SECTIONS = ("linear", "tuner", "logistic", "tflite", "cnn", "transfer", "formats", "quantization")
"""The sections, in the lab's order."""
IMAGE_SECTIONS = frozenset({"cnn", "transfer", "formats", "quantization"})
CONVERTING_SECTIONS = frozenset({"tflite", "quantization"})
NEEDS: dict[str, tuple[str, ...]] = {
    "tflite": ("linear", "logistic"),
    "formats": ("cnn",),
    "quantization": ("cnn",),
}
"""Sections that save or convert again what other sections have trained."""


@dataclass(frozen=True)
class Settings:
    """How much is trained, from which seed. Fewer epochs, trials or images make a short reference, for tests.

    `tuned_epochs` are the smallest and largest number and the step that the search draws from.
    `mechanics_rows` are the training, validation and test images that the transfer section takes where VGG16
    has no ImageNet weights: such a model cannot become good, it only shows that the parts fit together.
    `threads` bounds TensorFlow's threads; None leaves it every core.
    """

    seed: int = 42
    regression_epochs: int = 100
    trials: int = 10
    tuned_epochs: tuple[int, int, int] = (50, 200, 10)
    image_epochs: int = 10
    mechanics_rows: tuple[int, int, int] = (2_000, 500, 500)
    vgg16_weights: Path | None = None
    download: bool = False
    threads: int | None = None

    def of(self, section: str) -> dict[str, object]:
        """Those that the outcome of `section` depends on: where one has changed, the section is made anew."""
        seen: dict[str, object] = {"seed": self.seed, "threads": self.threads}
        if section in ("linear", "logistic"):
            seen["epochs"] = self.regression_epochs
        if section in ("cnn", "transfer"):
            seen["epochs"] = self.image_epochs
        if section == "tuner":
            seen |= {"trials": self.trials, "tuned_epochs": list(self.tuned_epochs)}
        if section == "transfer":
            seen["mechanics_rows"] = list(self.mechanics_rows)
        return seen


SHORT = Settings(image_epochs=5, mechanics_rows=(320, 64, 64))
"""For the matrix of TensorFlow versions: what takes longest is cut to where every check can still be judged."""


def with_needs(sections: Iterable[str] | None) -> list[str]:
    """The sections asked for (None: all) and those they build upon, in the lab's order.

    Raises:
        ProduceError: there is no such section, or none was asked for.
    """
    asked = set(SECTIONS if sections is None else sections)
    if unknown := sorted(asked - set(SECTIONS)):
        raise ProduceError(f"No section is called {', '.join(unknown)}: choose from {', '.join(SECTIONS)}.")
    if not asked:
        raise ProduceError(f"No section was asked for: choose from {', '.join(SECTIONS)}.")
    needed = {need for section in asked for need in NEEDS.get(section, ())}
    return [section for section in SECTIONS if section in asked | needed]
