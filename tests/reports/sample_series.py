"""Series as the checks leave them, made up: everything a figure of the report is drawn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from suites.records import Series
from tests.reports.sample_models import conversion, images, plain


def series() -> list[Series]:
    random = np.random.default_rng(7)
    return [
        *_linear(random),
        *_tuner(random),
        *_logistic(random),
        *images(random),
        *conversion(),
        *_distributions(random),
    ]


def _linear(random: np.random.Generator) -> list[Series]:
    x = random.uniform(0, 1000, 400)
    noise = random.normal(0, 20, 400)
    sizes = np.linspace(0, 1000, 50)
    edges = np.linspace(-80, 80, 41)
    epochs = np.arange(100)
    return [
        Series(
            check="linear/normal-equation",
            name="houses",
            data={
                "x": [1000.0, 1500.0, 2000.0, 2500.0, 3000.0],
                "y": [207.45, 247.93, 309.72, 372.85, 396.49],
                "slope": 0.1006,
                "intercept": 105.69,
                "sklearn_slope": 0.1006,
                "sklearn_intercept": 105.69,
            },
        ),
        Series(
            check="linear/coefficient-agreement",
            name="fit",
            data={
                "x": plain(x, 2),
                "y": plain(200 + 0.1 * x + noise, 2),
                "ols": {"slope": 0.099214, "intercept": 200.6355},
                "keras": {"slope": 0.099651, "intercept": 200.3793},
                "residual_deviation": 20.07,
            },
        ),
        Series(
            check="linear/coefficient-agreement",
            name="history",
            data={"loss": plain(0.325 + 0.3 * np.exp(-epochs / 3) + 0.0015 * random.random(100))},
        ),
        Series(
            check="linear/prediction-agreement",
            name="difference",
            data={
                "x": plain(sizes, 2),
                "difference": plain(-0.2562 + 0.000437 * sizes),
                "tolerance": 2.0,
                "residual_deviation": 20.07,
            },
        ),
        Series(
            check="linear/prediction-agreement",
            name="residuals",
            data={
                "edges": plain(edges, 2),
                "ols": np.histogram(random.normal(0, 20, 10_000), edges)[0].tolist(),
                "keras": np.histogram(random.normal(0.03, 20, 10_000), edges)[0].tolist(),
            },
        ),
    ]


def _tuner(random: np.random.Generator) -> list[Series]:
    rates = 10 ** random.uniform(-4, -1, 10)
    trials = [
        {
            "id": f"{n:02d}",
            "learning_rate": float(rate),
            "epochs": 50 if n == 0 else int(random.integers(5, 21)) * 10,
            "trained_epochs": int(random.integers(8, 50)),
            "score": float(0.7525 + 0.02 * random.random() + 0.4 * max(rate - 0.03, 0)),
            "finished": True,
        }
        for n, rate in enumerate(rates)
    ]
    best = min(trials, key=lambda trial: trial["score"])  # type: ignore[arg-type,return-value]
    return [
        Series(check="tuner/search-space", name="trials", data={"trials": trials, "best": best["id"]}),
        Series(check="tuner/refit", name="losses", data={"untuned": 0.32611, "tuned": 0.32588, "ols": 0.32577}),
    ]


def _logistic(random: np.random.Generator) -> list[Series]:
    x1, x2 = np.linspace(-3, 3, 60), np.linspace(-4, 4, 60)
    sklearn, keras = (-0.326, 2.040, 0.2245), (-0.273, 1.904, 0.182)
    grids = [
        ["".join("1" if w1 * a + w2 * b + bias > 0 else "0" for a in x1) for b in x2]
        for w1, w2, bias in (sklearn, keras)
    ]
    labels = random.integers(0, 2, 200)
    places = np.c_[random.normal(0, 1.1, 200), random.normal(2 * labels - 1, 0.9)]
    points = [
        [round(float(a), 3), round(float(b), 3), int(label)] for (a, b), label in zip(places, labels, strict=True)
    ]
    return [
        Series(
            check="logistic/decision-agreement",
            name="boundaries",
            data={
                "x1": plain(x1, 4),
                "x2": plain(x2, 4),
                "sklearn": grids[0],
                "keras": grids[1],
                "points": points,
                "sklearn_line": list(sklearn),
                "keras_line": list(keras),
            },
        ),
        Series(
            check="logistic/accuracy",
            name="confusion",
            data={"labels": ["0", "1"], "sklearn": [[89, 12], [12, 87]], "keras": [[88, 13], [11, 88]]},
        ),
    ]


def _distributions(random: np.random.Generator) -> list[Series]:
    def spread(
        check: str, quantity: str, right: Sequence[float], wrong: dict[str, float], limit: float, comparison: str
    ) -> Series:
        return Series(
            check=check,
            name=f"distribution:{quantity}",
            data={
                "right": list(right),
                "wrong": [{"case": case, "value": value} for case, value in wrong.items()],
                "limit": limit,
                "comparison": comparison,
                "unit": "",
                "seeds": len(right),
            },
        )

    def near(middle: float, width: float) -> list[float]:
        return [round(float(value), 6) for value in middle + width * random.normal(size=5)]

    return [
        spread(
            "linear/coefficient-agreement",
            "slope",
            [0.0002, 0.00044, 0.0007, 0.0009, 0.0011],
            {"scaled units": 0.47, "five houses": 0.0014 * 9, "one epoch": 0.05},
            0.004,
            "at most",
        ),
        spread(
            "linear/coefficient-agreement",
            "intercept",
            [0.05, 0.11, 0.26, 0.31, 0.4],
            {"scaled units": 200.6, "printed bias": 49.0, "one epoch": 24.9},
            2.0,
            "at most",
        ),
        spread(
            "linear/prediction-agreement",
            "largest difference",
            [0.009, 0.0129, 0.017, 0.02, 0.031],
            {"one epoch": 1.3, "mean of the prices": 2.5},
            0.1,
            "at most",
        ),
        spread(
            "tuner/refit",
            "excess loss",
            [-0.0007, -0.0004, 0.0, 0.0002, 0.0011],
            {"rate too small": 0.34, "one epoch": 0.8},
            0.01,
            "at most",
        ),
        spread(
            "logistic/coefficient-agreement",
            "angle",
            near(0.9, 0.2),
            {"labels swapped": 179.0, "untrained": 61.0},
            10.0,
            "at most",
        ),
        spread(
            "logistic/decision-agreement",
            "grid",
            near(0.99, 0.002),
            {"labels swapped": 0.01, "untrained": 0.52},
            0.95,
            "at least",
        ),
        spread(
            "cnn/accuracy",
            "accuracy (cifar10)",
            near(0.652, 0.007),
            {"untrained": 0.1, "linear model": 0.39, "pixels unscaled": 0.42, "one epoch": 0.47},
            0.55,
            "at least",
        ),
        spread(
            "quantization/output-parity",
            "largest difference",
            near(0.041, 0.008),
            {"another model's file": 0.97, "pixels unscaled": 0.99},
            0.2,
            "at most",
        ),
        spread(
            "quantization/output-parity",
            "top-1 agreement",
            near(0.995, 0.001),
            {"another model's file": 0.71, "pixels unscaled": 0.18},
            0.97,
            "at least",
        ),
    ]
