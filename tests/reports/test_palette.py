"""The colours: readable on their grounds, and apart for colour-blind eyes."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from reports.pages import TEMPLATES

Colour = npt.NDArray[np.float64]
LIBRARIES = ("sklearn", "keras", "tflite", "data")
TEXTS = ("ink", "muted", "sklearn", "keras", "tflite", "pass", "fail", "warn", "mute", "link")

# Machado, Oliveira and Fernandes (2009), A Physiologically-based Model for Simulation of Color Vision Deficiency,
# severity 1.0, on linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def schemes() -> dict[str, dict[str, Colour]]:
    """Custom properties of the light and the dark scheme as linear RGB."""
    css = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)[:2]
    return {name: dict(_properties(block)) for name, block in (("light", light), ("dark", dark))}


def _properties(block: str) -> list[tuple[str, Colour]]:
    return [(name, _linear(digits)) for name, digits in re.findall(r"--([a-z]+): #([0-9a-f]{6});", block)]


def _linear(digits: str) -> Colour:
    srgb = np.array([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)])
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def luminance(colour: Colour) -> float:
    return float(colour @ np.array([0.2126, 0.7152, 0.0722]))


def contrast(first: Colour, second: Colour) -> float:
    """WCAG 2.2 contrast ratio."""
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def lab(colour: Colour) -> Colour:
    """CIE L*a*b*, white point D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratio = to_xyz @ colour / np.array([0.95047, 1.0, 1.08883])
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", TEXTS)
def test_text_stands_out_from_page_and_card(scheme: str, name: str) -> None:
    colours = schemes()[scheme]
    for ground in ("page", "card", "wash"):
        assert contrast(colours[name], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_data_points_stand_out(scheme: str) -> None:
    colours = schemes()[scheme]
    assert contrast(colours["data"], colours["card"]) >= 3.0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_libraries_stay_apart_for_every_eye(scheme: str, deficiency: str) -> None:
    colours = schemes()[scheme]
    seen = {name: lab(np.clip(DEFICIENCIES[deficiency] @ colours[name], 0, 1)) for name in LIBRARIES}
    for first, second in combinations(LIBRARIES, 2):
        # Five times the just noticeable difference of CIE76, 2.3.
        assert np.linalg.norm(seen[first] - seen[second]) >= 11.5, (first, second)
