"""Values of a layer's configuration, checked on the way out: a configuration is somebody else's JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from modelfiles.architecture import Config, Node, as_number
from modelfiles.errors import ModelFileError, UnsupportedLayer


class Settings:
    """The configuration of one layer; each method raises ModelFileError for a value of the wrong kind."""

    def __init__(self, node: Node) -> None:
        self.layer = node.name
        self._config: Config = node.config

    def __contains__(self, key: str) -> bool:
        return self._config.get(key) is not None

    def wrong(self, key: str) -> ModelFileError:
        """The error for a setting that makes no sense."""
        value = repr(self._config.get(key))
        shown = value if len(value) <= 60 else f"{value[:60]}…"
        return ModelFileError(f"damaged: layer {self.layer!r} has the {key} {shown}.")

    def raw(self, key: str, default: Any = None) -> Any:
        """The value as it stands in the file."""
        value = self._config.get(key)
        return default if value is None else value

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.raw(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key)
        return value

    def number(self, key: str, default: float) -> float:
        """A finite number."""
        number = as_number(self.raw(key, default))
        if number is None:
            raise self.wrong(key)
        return number

    def numbers(self, key: str, default: float | None = None) -> npt.NDArray[np.float32]:
        """Finite numbers in any regular arrangement."""
        try:
            values = np.asarray(self.raw(key, default), np.float64)
        except (TypeError, ValueError, OverflowError):
            raise self.wrong(key) from None
        if not np.all(np.isfinite(values)):
            raise self.wrong(key)
        return values.astype(np.float32)

    def integer(self, key: str, default: int, low: int = 1, high: int = 2**31) -> int:
        """An integer within limits."""
        value = self.raw(key, default)
        if type(value) is not int or not low <= value <= high:
            raise self.wrong(key)
        return value

    def integers(self, key: str, low: int = 1, high: int = 2**31) -> list[int]:
        """A list of integers within limits; a single one as a list of one."""
        value = self.raw(key)
        values = [value] if type(value) is int else value
        if not isinstance(values, list) or not all(type(item) is int and low <= item <= high for item in values):
            raise self.wrong(key)
        return values

    def pair(self, key: str, default: int | None = None, low: int = 1, high: int = 2**16) -> tuple[int, int]:
        """An integer for height and width each, or one for both."""
        values = [default] if default is not None and key not in self else self.integers(key, low, high)
        if len(values) not in (1, 2):
            raise self.wrong(key)
        first, last = values[0], values[-1]
        return (first or 0, last or 0)

    def borders(self, key: str) -> tuple[tuple[int, int], tuple[int, int]]:
        """((top, bottom), (left, right))."""
        value = self.raw(key)
        sides = value if isinstance(value, list) else []
        flat = [size for side in sides if isinstance(side, list) and len(side) == 2 for size in side]
        if len(sides) != 2 or len(flat) != 4 or not all(type(size) is int and 0 <= size < 2**16 for size in flat):
            raise self.wrong(key)
        return (flat[0], flat[1]), (flat[2], flat[3])

    def only(self, key: str, *allowed: Any) -> Any:
        """One of the settings that are computed here, the first where none is set; else UnsupportedLayer."""
        value = self.raw(key, allowed[0])
        if not any(value == one and type(value) is type(one) for one in allowed):
            raise UnsupportedLayer(f"layer {self.layer!r} has the {key} {value!r}, which is not computed here.")
        return value
