"""Drawing with matplotlib into SVG that belongs to the page.

The SVG takes the page's font and colours (custom properties, so dark mode and print apply inside figures too), has
a title and a description, carries no date, no random identifier and no style that leaks out of it. The same input
gives the same bytes.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stand for the page's custom properties: matplotlib draws with them, the page shows the properties.
SKLEARN: Final = "#0000a1"
KERAS: Final = "#0000a2"
TFLITE: Final = "#0000a3"
DATA: Final = "#0000a4"
INK: Final = "#0000a5"
MUTED: Final = "#0000a6"
LINE: Final = "#0000a7"
CARD: Final = "#0000a8"
GOOD: Final = "#0000a9"
BAD: Final = "#0000aa"
PROPERTIES: Final = {
    SKLEARN: "var(--sklearn)",
    KERAS: "var(--keras)",
    TFLITE: "var(--tflite)",
    DATA: "var(--data)",
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    CARD: "var(--card)",
    GOOD: "var(--pass)",
    BAD: "var(--fail)",
}
LIBRARY: Final = {"sklearn": SKLEARN, "keras": KERAS, "tflite": TFLITE}
"""The one colour of each library; everything else is data."""

WIDTH: Final = 460
HEIGHT: Final = 280
_FONT_SIZE = 11.5

_STYLE: Final[dict[str, Any]] = {
    # Metrics of the font that matplotlib ships, so that the layout is the same everywhere; the page's own font is
    # what is seen, and it is narrower.
    "font.family": "DejaVu Sans",
    "font.size": _FONT_SIZE,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.labelsize": _FONT_SIZE,
    "axes.linewidth": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": _FONT_SIZE,
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.unicode_minus": True,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "figure.dpi": 72,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "hatch.linewidth": 0.8,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": _FONT_SIZE,
    "ytick.color": LINE,
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": _FONT_SIZE,
    "xtick.minor.visible": False,
    "ytick.minor.visible": False,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "tflab",
    "svg.image_inline": True,
}

_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_GEOMETRY = {"d", "x", "y", "width", "height", "transform", "points"}
_DECIMALS = re.compile(r"-?\d+\.\d{2,}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_FONT = re.compile(r"font(?:-family)?:[^;]*;?\s*")


def plot(
    key: str,
    title: str,
    description: str,
    paint: Callable[[Figure], None],
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Markup:
    """The SVG of what `paint` draws on a figure of `width` × `height` pixels.

    `key` makes the identifiers in the SVG unique on the page. `title` names the drawing and `description` says
    what stands in it, for those who do not see it.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with mpl.rc_context():
        mpl.rcdefaults()
        settings: Any = mpl.rcParams
        settings.update(_STYLE)
        pads = ConstrainedLayoutEngine(w_pad=4 / 72, h_pad=4 / 72)
        figure = Figure(figsize=(width / 72, height / 72), layout=pads)
        paint(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return adopt(buffer.getvalue(), key, title, description)


def adopt(svg: str, key: str, title: str, description: str) -> Markup:
    """Matplotlib's SVG document as an element of the page."""
    root = ET.fromstring(svg)  # noqa: S314 - matplotlib wrote it a moment ago
    for child in list(root):
        if child.tag == f"{_SVG}metadata":
            root.remove(child)
    for definitions in root.iter(f"{_SVG}defs"):
        for style in definitions.findall(f"{_SVG}style"):
            definitions.remove(style)
    _rename_identifiers(root, key)
    for element in root.iter():
        _restyle(element)
    _describe(root, key, title, description)
    ET.register_namespace("", _SVG[1:-1])
    text = ET.tostring(root, encoding="unicode")
    # Safe as markup: the serialiser has escaped every text and attribute that came from outside.
    return Markup(re.sub(r">\s+<", "><", text))  # noqa: S704


def _rename_identifiers(root: ET.Element, key: str) -> None:
    """Keep only identifiers that something refers to, and put the figure's key before them."""
    used: dict[str, str] = {}
    for element in root.iter():
        references = [element.get(_XLINK, "")[1:]]
        for value in element.attrib.values():
            references += _REFERENCE.findall(value)
        for reference in filter(None, references):
            used.setdefault(reference, f"{key}-{len(used)}")
    for element in root.iter():
        identifier = element.attrib.pop("id", None)
        if identifier in used:
            element.set("id", used[identifier])
        target = element.attrib.pop(_XLINK, None)
        if target is not None:
            element.set("href", f"#{used[target[1:]]}" if target.startswith("#") else target)
        for name, value in element.attrib.items():
            if "url(#" in value:
                element.set(name, _REFERENCE.sub(lambda match: f"url(#{used[match[1]]})", value))


def _restyle(element: ET.Element) -> None:
    for name, value in list(element.attrib.items()):
        if name in {"id", "href"}:
            continue
        if name in _GEOMETRY:
            value = _DECIMALS.sub(lambda match: f"{float(match[0]):.1f}".removesuffix(".0"), value)
        if name == "style":
            value = _COLOUR.sub(lambda match: PROPERTIES.get(match[0], match[0]), value)
            if element.tag == f"{_SVG}text":
                value = _text_style(value)
        if name == "d":
            value = " ".join(value.split())
        element.set(name, value)


def _text_style(style: str) -> str:
    """Weight, anchor and colour of a text; its family is the page's, its size the style sheet's."""
    weight = (
        "font-weight: 700; " if re.search(r"font:[^;]*\b(?:bold|700)\b|font-weight:\s*(?:bold|700)", style) else ""
    )
    return weight + re.sub(r"font-(?:size|weight):[^;]*;?\s*", "", _FONT.sub("", style))


def _describe(root: ET.Element, key: str, title: str, description: str) -> None:
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("class", "plot")
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title")
    root.set("aria-describedby", f"{key}-desc")
    for position, (name, text) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(f"{_SVG}{name}", {"id": f"{key}-{name}"})
        element.text = text
        root.insert(position, element)


def few_ticks(axes: Axes, x: int | None = 4, y: int | None = 4) -> None:
    """At most about `x` and `y` ticks at round numbers; None leaves an axis alone."""
    from matplotlib.ticker import MaxNLocator

    if x is not None:
        axes.xaxis.set_major_locator(MaxNLocator(x, steps=[1, 2, 2.5, 5, 10]))
    if y is not None:
        axes.yaxis.set_major_locator(MaxNLocator(y, steps=[1, 2, 2.5, 5, 10]))


def beside(axes: Axes, text: str, x: float, y: float, *, colour: str = INK, dx: float = 7, dy: float = 0) -> None:
    """`text` to the right of a point, `dx` and `dy` pixels away, so that it keeps clear of a bar's end."""
    axes.annotate(text, (x, y), (dx, dy), textcoords="offset points", color=colour, va="center")


def plain_ticks(
    axes: Axes, x: Callable[[float], str] | None = None, y: Callable[[float], str] | None = None
) -> None:
    """Write the ticks with our own number format."""
    from matplotlib.ticker import FuncFormatter

    for axis, write in ((axes.xaxis, x), (axes.yaxis, y)):
        if write is not None:
            axis.set_major_formatter(FuncFormatter(lambda value, _, write=write: write(value)))
