"""Benchmarks as ``pytest --benchmark-json`` writes them, less what the report does not read."""

from __future__ import annotations

from typing import Any

import numpy as np


def benchmarks() -> dict[str, Any]:
    """As ``pytest --benchmark-json`` writes it, less what the report does not read."""
    random = np.random.default_rng(3)

    def bench(
        group: str, name: str, seconds: float, rounds: int, spread: float = 0.05, **extra: str
    ) -> dict[str, Any]:
        data = [round(float(value), 7) for value in seconds * np.exp(spread * random.normal(size=rounds))]
        low, middle, high = min(data), float(np.median(data)), max(data)
        return {
            "group": group,
            "name": name,
            "fullname": f"suites/bench.py::{name}",
            "params": None,
            "extra_info": extra,
            "stats": {
                "min": low,
                "max": high,
                "median": middle,
                "mean": float(np.mean(data)),
                "rounds": rounds,
                "data": data,
            },
        }

    inference = [
        ("keras", "keras", 1.0),
        ("litert float", "tflite", 1 / 10.1),
        ("litert dynamic range", "tflite", 1 / 13.1),
        ("tf.lite float", "tflite", 1 / 9.4),
    ]
    found = [
        bench("linear fit", "bench_linear_fit[lab]", 29.1, 3, section="linear", way="lab", library="keras"),
        bench("linear fit", "bench_linear_fit[ours]", 9.6, 3, section="linear", way="ours", library="keras"),
        bench("linear fit", "bench_normal_equation", 0.0011, 30, section="linear", way="", library="sklearn"),
        bench("tuner search", "bench_tuner_search[lab]", 190.0, 1, section="tuner", way="lab", library="keras"),
        bench("tuner search", "bench_tuner_search[ours]", 52.0, 1, section="tuner", way="ours", library="keras"),
        *(
            bench(
                f"inference, batch {batch}",
                f"bench_inference[{name}]",
                0.021 * ratio * (1 + batch / 90),
                200,
                0.12,
                section="cnn",
                way="",
                library=library,
            )
            for batch in (1, 256)
            for name, library, ratio in inference
        ),
    ]
    return {
        "machine_info": {"cpu": {"brand_raw": "x86"}},
        "datetime": "2026-11-25T12:59:00+00:00",
        "version": "5.3.1",
        "benchmarks": found,
    }
