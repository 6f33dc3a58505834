"""Convolution and pooling over windows of images, float32, channels last: (n, height, width, channels)."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from modelfiles.errors import ModelFileError
from modelfiles.shapes import slid

Array = npt.NDArray[np.float32]

MAX_SAMPLE_ELEMENTS = 2**26
"""Elements that one layer may give for one sample (256 MiB); VGG16 at 224 × 224 gives 3.2 million."""
PATCH_ELEMENTS = 2**20
"""Elements of the patches that are copied for one matrix product: 4 MiB, which about stays in a core's cache."""


class Windows(NamedTuple):
    """Geometry of a window that slides over images: height and width each."""

    size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    same: bool = False
    dilation: tuple[int, int] = (1, 1)

    def output(self, height: int, width: int) -> tuple[int, int]:
        """Positions of the window along both axes."""
        padding = "same" if self.same else "valid"
        axes = zip((height, width), self.size, self.strides, self.dilation, strict=True)
        rows, columns = (slid(n, k, s, padding, d) or 0 for n, k, s, d in axes)
        return rows, columns

    def pad(self, x: Array, value: float) -> Array:
        """The images with the border that "same" asks for: TensorFlow puts the odd pixel behind."""
        if not self.same:
            return x
        before, after = [], []
        for n, out, k, s, d in zip(
            x.shape[1:3], self.output(*x.shape[1:3]), self.size, self.strides, self.dilation, strict=True
        ):
            total = max(0, (out - 1) * s + (k - 1) * d + 1 - n)
            before.append(total // 2)
            after.append(total - total // 2)
        return padded(x, (before[0], after[0]), (before[1], after[1]), value)

    def slices(self, x: Array) -> Iterator[tuple[int, int, Array]]:
        """(row, column, values) for each place in the window: a view of padded images, strided."""
        rows, columns = self._reach(x)
        for i in range(self.size[0]):
            for j in range(self.size[1]):
                top, left = i * self.dilation[0], j * self.dilation[1]
                yield i, j, x[:, top : top + rows : self.strides[0], left : left + columns : self.strides[1]]

    def _reach(self, x: Array) -> tuple[int, int]:
        """Rows and columns from a window's first position to its last, inclusive."""
        reach = [max(0, n - (k - 1) * d) for n, k, d in zip(x.shape[1:3], self.size, self.dilation, strict=True)]
        return reach[0], reach[1]


def allocate(shape: tuple[int, ...]) -> Array:
    """An array for a layer's output; ModelFileError where one sample alone would be huge."""
    if prod(shape[1:]) > MAX_SAMPLE_ELEMENTS:
        raise ModelFileError(
            f"refused: a layer gives {shape[1:]} for each sample, more than {MAX_SAMPLE_ELEMENTS:,} numbers."
        )
    return np.empty(shape, np.float32)


def padded(x: Array, rows: tuple[int, int], columns: tuple[int, int], value: float = 0.0) -> Array:
    """The images with that many rows and columns before and after."""
    if not any((*rows, *columns)):
        return x
    n, height, width, channels = x.shape
    out = allocate((n, sum(rows) + height, sum(columns) + width, channels))
    out.fill(value)
    out[:, rows[0] : rows[0] + height, columns[0] : columns[0] + width] = x
    return out


def convolve(x: Array, kernel: Array, windows: Windows) -> Array:
    """Cross-correlation as one matrix product over patches; `kernel` is (height, width, channels, filters)."""
    n, filters = len(x), kernel.shape[-1]
    out = allocate((n, *windows.output(*x.shape[1:3]), filters))
    if not out.size:
        return out
    matrix = kernel.reshape(-1, filters)
    if windows.size == (1, 1) and windows.strides == (1, 1):
        np.matmul(x.reshape(-1, x.shape[-1]), matrix, out=out.reshape(-1, filters))
        return out
    x = windows.pad(x, 0.0)
    spread = tuple((k - 1) * d + 1 for k, d in zip(windows.size, windows.dilation, strict=True))
    patches = sliding_window_view(x, spread, (1, 2))[  # (n, rows, columns, channels, height, width), a view
        :, :: windows.strides[0], :: windows.strides[1], :, :: windows.dilation[0], :: windows.dilation[1]
    ].transpose(0, 1, 2, 4, 5, 3)
    each = prod(patches.shape[1:])
    if each > MAX_SAMPLE_ELEMENTS:
        raise ModelFileError(f"refused: a convolution needs {each:,} numbers for each sample.")
    together = max(1, min(n, PATCH_ELEMENTS // each))
    copied = np.empty((together, *patches.shape[1:]), np.float32)
    for start in range(0, n, together):
        part = copied[: len(patches[start : start + together])]
        np.copyto(part, patches[start : start + together])
        rows = out[start : start + together].reshape(-1, filters)
        np.matmul(part.reshape(-1, len(matrix)), matrix, out=rows)
    return out


def convolve_depthwise(x: Array, kernel: Array, windows: Windows) -> Array:
    """Each channel by itself; `kernel` is (height, width, channels, multiplier), outputs are grouped by channel."""
    channels, multiplier = kernel.shape[2:]
    rows, columns = windows.output(*x.shape[1:3])
    out = allocate((len(x), rows, columns, channels * multiplier))
    out.fill(0)
    grouped = out.reshape(len(x), rows, columns, channels, multiplier)
    for i, j, values in windows.slices(windows.pad(x, 0.0)):
        grouped += values[..., None] * kernel[i, j]
    return out


def pool_max(x: Array, windows: Windows) -> Array:
    """The largest value in each window; NaN where it holds one."""
    out = allocate((len(x), *windows.output(*x.shape[1:3]), x.shape[-1]))
    for i, j, values in windows.slices(windows.pad(x, -np.inf)):
        if i == j == 0:
            np.copyto(out, values)
        else:
            np.maximum(out, values, out=out)
    return out


def pool_average(x: Array, windows: Windows) -> Array:
    """The mean of each window's values, the border left out."""
    out = allocate((len(x), *windows.output(*x.shape[1:3]), x.shape[-1]))
    out.fill(0)
    for _, _, values in windows.slices(windows.pad(x, 0.0)):
        out += values
    ones = np.ones((1, *x.shape[1:3], 1), np.float32)
    counts = sum(values for _, _, values in windows.slices(windows.pad(ones, 0.0)))
    out /= counts
    return out
