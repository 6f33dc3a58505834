from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from reports.figures import drawing
from reports.figures.confusion import heatmap
from reports.figures.exhibits import Gallery, Grid, Heatmap, Plot, Table
from reports.figures.images import TRANSFER_DRAWERS
from reports.figures.sections import DRAWERS, exhibits, runtime_support
from reports.figures.series import SeriesError, read, same_length
from suites.records import Records, Series
from tests.reports import sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RUN = sample.reference()


def with_data(name: str, **data: Any) -> Records:
    """The sample with fields of one series replaced."""
    check, _, short = name.partition(":")
    changed = [
        msgspec.structs.replace(series, data={**series.data, **data})
        if (series.check, series.name) == (check, short)
        else series
        for series in RUN.series
    ]
    return Records(header=RUN.header, results=RUN.results, series=changed)


def draw(text: str = "text") -> str:
    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=drawing.SKLEARN)
        axes.contourf([0, 1], [0, 1], [[0, 1], [1, 2]], colors=[drawing.KERAS, drawing.TFLITE, drawing.DATA])
        axes.text(0, 0, text, weight="bold", color=drawing.INK)

    return str(drawing.plot("key", "Title", "Description", paint))


def test_a_drawing_takes_its_colours_and_its_font_from_the_page() -> None:
    svg = draw()
    assert "var(--sklearn)" in svg
    assert set(re.findall("#[0-9a-f]{6}", svg)) == set()
    assert "font-family" not in svg
    assert "DejaVu" not in svg
    assert "<style" not in svg
    assert "font-weight: 700" in svg


def test_a_drawing_carries_neither_date_nor_metadata_and_is_repeatable() -> None:
    svg = draw()
    assert "metadata" not in svg
    assert not re.search(r"\b20\d\d-", svg)
    assert svg == draw()


def test_a_drawing_has_a_name_and_a_description() -> None:
    svg = draw()
    assert svg.index("<title") < svg.index("<desc") < svg.index("<g")
    assert 'role="img" aria-labelledby="key-title" aria-describedby="key-desc"' in svg
    assert '<title id="key-title">Title</title><desc id="key-desc">Description</desc>' in svg


@pytest.mark.parametrize("text", [r"$\frac{", "<script>", "a & b", "$x$"])
def test_text_in_a_drawing_is_neither_mathematics_nor_markup(text: str) -> None:
    svg = draw(text)
    assert text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in svg


@pytest.mark.parametrize("section", DRAWERS)
def test_every_section_shows_something_with_a_finding_and_data(section: str) -> None:
    shown = list(exhibits(section, [RUN]))
    assert len(shown) >= 1
    assert len({exhibit.key for exhibit in shown}) == len(shown)
    for exhibit in shown:
        assert re.search(r"\d", exhibit.caption), f"{exhibit.key}: a finding has a number"
        if isinstance(exhibit, Plot):
            assert exhibit.data.rows
            assert all(len(row) == len(exhibit.data.columns) for row in exhibit.data.rows)


def test_a_section_without_series_shows_nothing() -> None:
    bare = Records(header=RUN.header, results=[], series=[])
    assert [exhibit for section in DRAWERS for exhibit in exhibits(section, [bare])] == []


def test_a_figure_comes_from_the_first_run_that_has_its_data() -> None:
    bare = Records(header=RUN.header, results=[], series=[])
    assert list(exhibits("tuner", [bare, RUN])) == list(exhibits("tuner", [RUN]))


def caption(section: str, key: str, run: Records = RUN) -> str:
    return next(exhibit.caption for exhibit in exhibits(section, [run]) if exhibit.key == key)


def test_captions_state_what_the_data_say() -> None:
    assert "0.2562" not in caption("linear", "linear-difference")
    assert caption("linear", "linear-difference").startswith("At most 0.256 thousand, 1.3\u202f%")
    assert "the slope uses 11\u202f% of its tolerance" in caption("linear", "linear-coefficients")
    assert "10 finished trials" in caption("tuner", "tuner-trials")
    assert "disagree on 0.4\u202f% of the grid, 13 cells of 3,600" in caption("logistic", "logistic-boundaries")
    assert "0.92° apart" in caption("logistic", "logistic-coefficients")
    assert "net gain of 3 images" in caption("quantization", "quantization-flips")
    assert "11.7 times smaller" in caption("quantization", "quantization-sizes")
    assert "25\u202f% of 1,332 outputs equal Keras exactly" in caption("tflite", "tflite-linear-parity-difference")


def test_a_boundary_that_nowhere_differs_is_said_to_agree() -> None:
    known = RUN.find_series("logistic/decision-agreement:boundaries")
    assert known is not None
    run = with_data(
        "logistic/decision-agreement:boundaries", keras=known["sklearn"], keras_line=known["sklearn_line"]
    )
    assert "disagree nowhere on the grid" in caption("logistic", "logistic-boundaries", run)


def test_a_model_of_one_class_can_be_drawn() -> None:
    run = with_data("logistic/decision-agreement:boundaries", keras=["0" * 60] * 60)
    assert "disagree on" in caption("logistic", "logistic-boundaries", run)


def test_losses_that_were_not_finite_leave_a_gap() -> None:
    run = with_data("linear/coefficient-agreement:history", loss=[1.0, None, 0.5, 0.4])
    assert "From 1 to 0.4 in 4 epochs" in caption("linear", "linear-loss", run)
    everything_lost = with_data("linear/coefficient-agreement:history", loss=[None, None])
    assert "linear-loss" not in {exhibit.key for exhibit in exhibits("linear", [everything_lost])}


def test_a_history_without_validation_is_drawn() -> None:
    data = {"accuracy": [0.1, 0.2], "val_accuracy": [], "loss": [], "val_loss": []}
    series = [Series(check="transfer/accuracy", name="history", data=data)]
    [plot] = TRANSFER_DRAWERS[0](Records(header=RUN.header, results=[], series=series))
    assert plot.caption == "After 2 epochs 0.2 in training."


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("linear/coefficient-agreement:fit", {"x": [1.0]}),
        ("linear/prediction-agreement:residuals", {"ols": [1, 2]}),
        ("logistic/decision-agreement:boundaries", {"keras": ["01"]}),
        ("logistic/accuracy:confusion", {"keras": [[1, 2]]}),
        ("cnn/confusion-matrix:misclassified", {"images": [{"pixels": "AAAA", "true": "cat", "predicted": "dog"}]}),
        ("cnn/confusion-matrix:misclassified", {"images": [{"pixels": "!", "true": "cat", "predicted": "dog"}]}),
        ("tflite/linear-parity:difference", {"counts": [1]}),
        ("quantization/output-parity:flips", {"lost": "many"}),
    ],
)
def test_data_of_the_wrong_shape_become_a_notice(name: str, data: dict[str, Any]) -> None:
    section = name.partition("/")[0]
    notices = [e for e in exhibits(section, [with_data(name, **data)]) if e.kind == "notice"]
    assert len(notices) == 1
    assert "no usable data" in notices[0].caption


def test_matrices_name_their_worst_confusions() -> None:
    matrix = heatmap("m", "Matrix", ["cat", "dog", "cow"], [[5, 4, 1], [0, 9, 1], [0, 0, 10]], "keras")
    assert isinstance(matrix, Heatmap)
    assert matrix.caption.startswith("24 of 30 right (80.0\u202f%); most often cat taken for dog (4), ")
    assert matrix.caption.endswith("cat taken for cow (1) and dog taken for cow (1).")
    assert matrix.shades[0] == (0.5, 0.4, 0.1)
    with pytest.raises(SeriesError):
        heatmap("m", "Matrix", ["a", "b"], [[1, 2]], "keras")


def test_galleries_show_what_the_model_takes_an_image_for() -> None:
    galleries = [exhibit for exhibit in exhibits("cnn", [RUN]) if isinstance(exhibit, Gallery)]
    right, wrong = galleries
    assert all(picture.right for picture in right.pictures)
    assert not any(picture.right for picture in wrong.pictures)
    assert len(wrong.pictures) == 12
    for picture in wrong.pictures:
        assert picture.source.startswith("data:image/png;base64,")
        assert picture.answers[0][1] == 0.66


def test_runtimes_and_files_form_a_grid() -> None:
    [grid] = runtime_support([RUN])
    assert isinstance(grid, Grid)
    assert [heading for heading, _ in grid.columns] == ["float", "float16", "dynamic range", "full int8"]
    refused = grid.rows[2][2][2]
    assert refused is not None
    assert (refused.tone, refused.word) == ("fail", "refused")
    assert "FULLY_CONNECTED" in refused.details[0]
    assert "informs" in grid.rows[2][1]


def test_long_tables_are_thinned_and_say_so() -> None:
    table = Table.of(("n",), [(n,) for n in range(1_000)], limit=60)
    assert len(table.rows) <= 60
    assert table.note == "59 rows of 1,000, evenly spaced."
    assert Table.of(("n",), [(1,)]).note == ""


def test_series_are_read_into_types_or_refused() -> None:
    class Losses(msgspec.Struct):
        loss: list[float]

    assert read(RUN, "linear/other:history", Losses) is None
    found = read(RUN, "linear/coefficient-agreement:history", Losses)
    assert found is not None
    assert len(found.loss) == 100
    with pytest.raises(SeriesError, match="x has 1, y has 2 values"):
        same_length("s", x=[1], y=[1, 2])
    with pytest.raises(SeriesError):
        same_length("s", x=[], y=[])
