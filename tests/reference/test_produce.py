"""A run makes what is not finished, keeps what is, and leaves nothing half-written however it ends."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest

from fixtures.images import ImageSet
from reference import environment, evidence
from reference.errors import ProduceError
from reference.evidence import Conversion, Line, TFLiteEvidence
from reference.produce import Produced, produce
from reference.settings import NEEDS, SECTIONS, Settings, with_needs
from reference.work import Work
from tests.reference.conftest import TINY

TYPES = {
    "linear": evidence.LinearEvidence,
    "tuner": evidence.TunerEvidence,
    "logistic": evidence.LogisticEvidence,
    "tflite": evidence.TFLiteEvidence,
    "cnn": evidence.CNNEvidence,
    "transfer": evidence.TransferEvidence,
    "formats": evidence.FormatsEvidence,
    "quantization": evidence.QuantizationEvidence,
}
FILES = {
    "tf_simple_linear_regression_model.keras",
    "tuned_linear_regression_model.keras",
    "sgd_tuning_epochs",
    "logistic_regression_model.keras",
    "simple_linear_regression_model.tflite",
    "logistic_regression_model.tflite",
    "cifar10_cnn_model.keras",
    "cifar10_cnn_model.h5",
    "cifar10_saved_model",
    "cifar10_cnn_model.tflite",
    "cifar10_cnn_model_quantized.tflite",
    "cifar10_cnn_model_float16.tflite",
    "cifar10_cnn_model_int8.tflite",
    "vgg16_model.keras",
    "evidence",
}


class Recorder:
    """A section's module that only notes that it ran; what it does can be replaced."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.behaviour: dict[str, Any] = {}

    def module(self, section: str) -> ModuleType:
        def run(work: Work) -> Any:
            self.ran.append(section)
            (work.folder / f"{section}.model").write_text(f"{section} {work.settings.seed}")
            (work.scratch / "thrown_away").write_text("")
            return self.behaviour.get(section, lambda _: Line(0.1, 0.2))(work)

        module = ModuleType(f"reference.{section}")
        module.run = run  # type: ignore[attr-defined]
        return module


@pytest.fixture
def sections(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Sections that take no time and need no TensorFlow."""
    recorder = Recorder()
    monkeypatch.setattr("reference.produce.import_module", lambda name: recorder.module(name.split(".")[1]))
    monkeypatch.setattr(environment, "prepare", lambda _: None)
    monkeypatch.setattr(environment, "describe", lambda: {"tensorflow": "2.21.0"})
    monkeypatch.setattr("reference.converter.Converter.start", lambda _: None)
    return recorder


def test_all_files_of_the_lab_and_evidence_of_the_declared_types(
    short: tuple[Path, Produced], few_images: ImageSet
) -> None:
    folder, produced = short
    assert list(produced.made) == list(SECTIONS)
    assert produced.failed_conversions == []
    assert {path.name for path in folder.iterdir()} == FILES
    for section, kind in TYPES.items():
        content = (folder / "evidence" / f"{section}.json").read_bytes()
        json.loads(content, parse_constant=pytest.fail)
        found = msgspec.json.decode(content, type=kind)
        assert msgspec.json.decode(content, type=evidence.Envelope).section == section
        for conversion in getattr(found, "conversions", ()):
            assert conversion.outcome == "converted"
            assert conversion.bytes == (folder / conversion.file).stat().st_size
    manifest = msgspec.json.decode((folder / "evidence" / "manifest.json").read_bytes(), type=evidence.Manifest)
    assert set(manifest.sections) == set(SECTIONS)
    assert few_images.digest in {data.digest for data in manifest.data}
    assert str(folder) not in "".join(path.read_text() for path in (folder / "evidence").iterdir())


def test_the_figures_are_those_of_the_work(short_reference: Path, few_images: ImageSet) -> None:
    def read(section: str) -> Any:
        return msgspec.json.decode(
            (short_reference / "evidence" / f"{section}.json").read_bytes(), type=TYPES[section]
        )

    linear = read("linear")
    assert (linear.least_squares.slope, linear.least_squares.intercept) == pytest.approx(
        (0.099214, 200.6355), rel=1e-4
    )
    assert linear.tensorflow.slope == pytest.approx(linear.least_squares.slope, abs=0.002)
    mean_house = linear.tensorflow.slope * linear.x_scaler.mean + linear.tensorflow.intercept
    assert linear.printed_bias == pytest.approx(mean_house), "the printed bias is the prediction at the mean"
    assert abs(linear.printed_bias - linear.tensorflow.intercept) > 40
    tuner = read("tuner")
    best = min(tuner.trials, key=lambda trial: trial.score)
    assert (tuner.best, tuner.refit.learning_rate, tuner.refit.epochs) == (best.id, best.learning_rate, best.epochs)
    assert all(trial.score == min(trial.loss) and trial.trained_epochs == len(trial.loss) for trial in tuner.trials)
    cnn = read("cnn")
    assert cnn.parameters == 167_562
    assert cnn.images.digest == few_images.digest
    assert np.sum(cnn.confusion) == len(few_images.y_test)
    assert np.trace(cnn.confusion) / len(few_images.y_test) == pytest.approx(cnn.accuracy)
    assert np.sum(cnn.confusion, axis=1).tolist() == np.bincount(few_images.y_test, minlength=10).tolist()
    for prediction in cnn.predictions:
        assert prediction.true == few_images.y_test[prediction.index]
        assert prediction.predicted == int(np.argmax(prediction.probabilities))
    transfer = read("transfer")
    assert (transfer.frozen_parameters, transfer.trainable_parameters) == (14_714_688, 33_482)
    assert transfer.base_digest.before == transfer.base_digest.after
    assert transfer.same_head.largest_difference <= 1e-5
    assert (transfer.weights, transfer.weights_digest) == ("random", None) or transfer.weights == "imagenet"
    assert read("formats").reloaded == {".keras": 0.0, ".h5": 0.0, "SavedModel": 0.0}


def test_a_second_run_keeps_everything_and_needs_no_tensorflow(
    short_reference: Path, few_images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def used(threads: int | None) -> None:
        pytest.fail("TensorFlow was loaded")

    monkeypatch.setattr(environment, "prepare", used)
    again = produce(short_reference, images=few_images, settings=TINY)
    assert (again.kept, again.made) == (list(SECTIONS), {})


def test_sections_come_with_what_they_build_upon() -> None:
    assert with_needs(None) == list(SECTIONS)
    assert with_needs(["tflite"]) == ["linear", "logistic", "tflite"]
    assert with_needs(["quantization", "linear"]) == ["linear", "cnn", "quantization"]
    for wrong in (["lineal"], []):
        with pytest.raises(ProduceError, match="choose from linear, tuner"):
            with_needs(wrong)
    for section, needs in NEEDS.items():
        assert all(SECTIONS.index(need) < SECTIONS.index(section) for need in needs)


def test_only_what_depends_on_a_change_is_made_again(sections: Recorder, tmp_path: Path) -> None:
    def run(settings: Settings) -> list[str]:
        sections.ran.clear()
        produce(tmp_path, sections=["tuner", "tflite"], settings=settings)
        return list(sections.ran)

    assert run(Settings()) == ["linear", "tuner", "logistic", "tflite"]
    assert run(Settings()) == []
    assert run(Settings(trials=3)) == ["tuner"]
    assert run(Settings(trials=3, image_epochs=1)) == []
    assert run(Settings(trials=3, seed=7)) == ["linear", "tuner", "logistic", "tflite"]
    (tmp_path / "linear.model").write_text("changed")
    assert run(Settings(trials=3, seed=7)) == ["linear"], "made again, and bit for bit the same"
    (tmp_path / "evidence" / "logistic.json").unlink()
    assert run(Settings(trials=3, seed=7)) == ["logistic"]


def test_what_is_converted_anew_follows_its_source(sections: Recorder, tmp_path: Path) -> None:
    produce(tmp_path, sections=["tflite"])
    sections.ran.clear()
    sections.behaviour["linear"] = lambda work: (
        (work.folder / "linear.model").write_text("trained differently") and Line(0.1, 0.2)
    )
    (tmp_path / "linear.model").unlink()
    produce(tmp_path, sections=["tflite"])
    assert sections.ran == ["linear", "tflite"]


def test_another_version_of_any_package_is_other_work(
    sections: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    produce(tmp_path, sections=["linear"])
    assert produce(tmp_path, sections=["linear"]).kept == ["linear"]
    newer = environment.packages() | {"keras": "99.0"}
    monkeypatch.setattr(environment, "packages", lambda: newer)
    assert produce(tmp_path, sections=["linear"]).kept == []


def test_other_images_are_other_work(sections: Recorder, tmp_path: Path, few_images: ImageSet) -> None:
    produce(tmp_path, sections=["cnn"], images=few_images)
    darker = replace(few_images, x_train=few_images.x_train // 2)
    produce(tmp_path, sections=["cnn"], images=darker)
    produce(tmp_path, sections=["cnn"], images=darker)
    assert sections.ran == ["cnn", "cnn"]


def test_another_tensorflow_makes_everything_again(
    sections: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    produce(tmp_path, sections=["linear"])
    monkeypatch.setattr("reference.produce.version", lambda _: "2.99.0")
    produce(tmp_path, sections=["linear"])
    assert sections.ran == ["linear", "linear"]


def test_a_failed_conversion_is_recorded_and_tried_again(sections: Recorder, tmp_path: Path) -> None:
    crashed = Conversion(
        file="a.tflite", source="a.keras", mode="float", outcome="crashed", seconds=1.0, exit_status=-6
    )
    sections.behaviour["tflite"] = lambda _: TFLiteEvidence(conversions=[crashed])
    produced = produce(tmp_path, sections=["tflite"])
    assert produced.failed_conversions == [crashed]
    found = json.loads((tmp_path / "evidence" / "tflite.json").read_text())
    assert found["conversions"][0]["exit_status"] == -6
    sections.ran.clear()
    produce(tmp_path, sections=["tflite"])
    assert sections.ran == ["tflite"]


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (ValueError("a bug"), ValueError),
        (OSError(28, "No space left on device"), ProduceError),
    ],
)
def test_however_a_section_ends_the_others_stay(
    sections: Recorder, tmp_path: Path, ending: BaseException, told: type[BaseException]
) -> None:
    def end(work: Work) -> None:
        raise ending

    sections.behaviour["tuner"] = end
    with pytest.raises(told):
        produce(tmp_path, sections=["linear", "tuner"])
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"linear.model", "evidence/linear.json", "evidence/manifest.json"}
    del sections.behaviour["tuner"]
    sections.ran.clear()
    assert produce(tmp_path, sections=["linear", "tuner"]).kept == ["linear"]
    assert sections.ran == ["tuner"]


def test_an_interrupt_that_a_library_swallows_ends_the_run_all_the_same(sections: Recorder, tmp_path: Path) -> None:
    reached: list[str] = []

    def swallow(work: Work) -> None:
        with work.progress.steps("epochs", 2) as advance:
            advance()
            try:
                signal.raise_signal(signal.SIGINT)
            except BaseException:  # as a bare `except` does
                reached.append("swallowed")
            advance()
            reached.append("the next epoch")

    sections.behaviour["linear"] = swallow
    with pytest.raises(KeyboardInterrupt):
        produce(tmp_path, sections=["linear"])
    assert reached == ["swallowed"]
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_figure_that_is_not_finite_leaves_no_evidence(sections: Recorder, tmp_path: Path) -> None:
    sections.behaviour["linear"] = lambda _: Line(float("nan"), 0.0)
    with pytest.raises(ValueError, match="JSON compliant"):
        produce(tmp_path, sections=["linear"])
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_one_sentence(sections: Recorder, tmp_path: Path) -> None:
    def absent(work: Work) -> None:
        raise ModuleNotFoundError("No module named 'keras_tuner'", name="keras_tuner")

    sections.behaviour["tuner"] = absent
    with pytest.raises(ProduceError, match="keras_tuner is not installed here: install"):
        produce(tmp_path, sections=["tuner"])


def test_a_full_disk_is_one_sentence_and_nothing_half_written(tensorflow: Any, small_disk: Path) -> None:
    with pytest.raises(ProduceError, match=r"is full: make room and run the same command again\."):
        produce(small_disk, sections=["linear"], settings=replace(TINY, regression_epochs=1))
    assert not list(small_disk.iterdir())
