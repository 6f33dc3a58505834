"""How values and other people's strings are written for a reader."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from datetime import datetime

Value = float | int | str | bool | None

MINUS = "−"
THIN_SPACE = "\u202f"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def visible(text: str) -> str:
    r"""`text` with every character that cannot be seen written as an escape (``\x1b``, ``\u202e``).

    Control and format characters (colours of a terminal, reversed reading direction, zero width), line and
    paragraph separators, surrogates and unassigned code points would otherwise hide in a file name.
    """
    return "".join(_escaped(char) if unicodedata.category(char) in _INVISIBLE else char for char in text)


def _escaped(char: str) -> str:
    return {"\n": "↵", "\t": "\\t"}.get(char) or char.encode("unicode_escape").decode("ascii")


def cut(text: str, limit: int) -> str:
    """`text` if it has at most `limit` characters, else its beginning and how long it was."""
    if len(text) <= limit:
        return text
    return f"{text[:limit].rstrip()}… (cut, {len(text):,} characters)"


def shorten(text: str, limit: int) -> str:
    """`text` on at most `limit` characters, the middle left out: for labels inside a figure."""
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 2
    return f"{text[: limit - 1 - tail]}…{text[-tail:]}"


def number(value: Value, digits: int = 3) -> str:
    """A value as one reads it: thousands grouped, at most `digits` significant ones, powers of ten as such.

    Whole numbers are never rounded; words and truth values are spelled; None is an en dash.
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, int):
        return f"{value:,}".replace("-", MINUS)
    return _real(value, digits)


def _real(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("infinite" if value > 0 else f"{MINUS}infinite")
    if value == 0:
        return "0"
    exponent = int(f"{value:.{digits - 1}e}".split("e")[1])
    if -4 <= exponent < 7:
        places = max(digits - 1 - exponent, 0)
        plain = f"{value:,.{places}f}"
        return _unpadded(plain).replace("-", MINUS)
    mantissa = _unpadded(f"{value:.{digits - 1}e}".split("e")[0])
    power = str(exponent).translate(_SUPERSCRIPTS)
    sign = MINUS if mantissa.startswith("-") else ""
    mantissa = mantissa.lstrip("-")
    return f"{sign}10{power}" if mantissa == "1" else f"{sign}{mantissa}×10{power}"


def _unpadded(digits: str) -> str:
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def signed(value: float, digits: int = 3) -> str:
    """As :func:`number`, with a plus sign before positive values."""
    return f"+{number(value, digits)}" if value > 0 else number(value, digits)


def percent(share: float, places: int = 1) -> str:
    """A share between 0 and 1 as per cent."""
    return f"{100 * share:.{places}f}{THIN_SPACE}%".replace("-", MINUS)


def duration(seconds: float) -> str:
    """Seconds in the unit that leaves one to three digits before the point."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1 or unit == "µs":
            return f"{number(seconds * factor)}{THIN_SPACE}{unit}"
    raise AssertionError("unreachable")


def size(count: int) -> str:
    """A number of bytes, exactly."""
    return f"{number(count)}{THIN_SPACE}bytes"


def listing(words: Sequence[str]) -> str:
    """Words joined as in a sentence."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def plural(count: int, singular: str, plural_form: str | None = None) -> str:
    """``1 check``, ``2 checks``."""
    return f"{number(count)} {singular if count == 1 else plural_form or singular + 's'}"


def sentence(text: str) -> str:
    """`text` with its first letter large."""
    return text[:1].upper() + text[1:]


def moment(iso: str) -> str:
    """An ISO 8601 moment without its fractions of a second; as it stands where it is none."""
    try:
        when = datetime.fromisoformat(iso)
    except ValueError:
        return visible(iso)
    zone = when.strftime(" %Z").rstrip()
    return when.strftime("%Y-%m-%d %H:%M") + zone
