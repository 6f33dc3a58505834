"""Data of figures that several sections draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

LOG10_EDGES = tuple(round(-12 + 0.25 * step, 2) for step in range(53))
"""Bin edges of |Δ|, four to a decade, from 1e-12 to 10."""


def difference_histogram(difference: npt.NDArray[np.floating]) -> dict[str, Any]:
    """Histogram of the sizes of differences (any shape) over the powers of ten, zeros counted apart."""
    sizes = np.abs(difference[np.isfinite(difference)])
    counts, _ = np.histogram(np.log10(np.clip(sizes[sizes > 0], 1e-12, 9.99)), LOG10_EDGES)
    return {
        "log10_edges": list(LOG10_EDGES),
        "counts": counts.tolist(),
        "zeros": int((sizes == 0).sum()),
        "largest": float(sizes.max(initial=0)),
    }
