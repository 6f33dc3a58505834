"""`tflab calibrate`: measure right and wrong work for every calibrated limit, by judging real artefact folders.

Right work is the reference over several seeds; wrong work are the wrong artefact folders and the classifiers and
regressions that anybody can get wrong (`tflab/obvious_mistakes.py`). The limits themselves are put into the table
by hand, between the two; a test holds them there.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import click
import msgspec

from suites.calibration import FILE, Calibration, Distribution, SeedBand, WrongCase
from suites.records import Records, read
from suites.specification import CHECK

SECTIONS = ("linear", "tuner", "logistic", "tflite", "cnn", "formats", "quantization")
"""All but VGG16: its accuracy means nothing without ImageNet's weights."""


@dataclass
class Measured:
    """Values by (check, quantity): right work in order of the seeds, wrong work by case."""

    right: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    wrong: dict[tuple[str, str], list[WrongCase]] = field(default_factory=dict)
    curves: dict[str, list[list[float]]] = field(default_factory=dict)

    def add_right(self, records: Records) -> None:
        """Keep every calibrated measurement of a reference, and its learning curve."""
        for check, quantity, value in _calibrated(records):
            self.right.setdefault((check, quantity), []).append(value)
            curve = (records.find_series("cnn/accuracy:history") or {}).get("val_accuracy")
            if check == "cnn/accuracy" and curve and not quantity.endswith("fresh images"):
                self.curves.setdefault(quantity, []).append(curve)

    def add_wrong(self, case: str, checks: frozenset[str], records: Records) -> None:
        """Keep the measurements of the checks that this case is meant to fail."""
        for check, quantity, value in _calibrated(records):
            if check in checks:
                self.wrong.setdefault((check, quantity), []).append(WrongCase(case, value))

    def distributions(self) -> list[Distribution]:
        """In the order of the table."""
        return [
            Distribution(check.id, quantity, self.right[key], self.wrong.get(key, []))
            for check in CHECK.values()
            for quantity in check.criteria
            if (key := (check.id, quantity)) in self.right
        ]

    def seed_bands(self) -> list[SeedBand]:
        """Lowest and highest validation accuracy after each epoch."""
        return [
            SeedBand(
                quantity=quantity,
                epochs=list(range(1, len(curves[0]) + 1)),
                val_accuracy_low=[min(values) for values in zip(*curves, strict=True)],
                val_accuracy_high=[max(values) for values in zip(*curves, strict=True)],
                seeds=len(curves),
            )
            for quantity, curves in self.curves.items()
        ]


@click.command(epilog="\b\nExample:\n  tflab calibrate --work out/calibration --seeds 5")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder for the artefacts; resumable.")
@click.option("--seeds", type=click.IntRange(5), default=5, show_default=True, help="References to make.")
@click.option("--cifar10", type=click.Path(path_type=Path), help="Calibrate the CNN on real CIFAR-10 as well.")
@click.option("--out", type=click.Path(path_type=Path), default=FILE, help="Default: the project's own file.")
def calibrate_command(work: Path, seeds: int, cifar10: Path | None, out: Path) -> None:
    """Measure the distributions behind the calibrated limits: right work over seeds, wrong work beside it."""
    from tflab.reference_command import TerminalProgress

    measured = Measured()
    with TerminalProgress() as progress:
        for case, checks, records in _right_and_wrong(work, range(42, 42 + seeds), cifar10, progress):
            if checks is None:
                measured.add_right(records)
            else:
                measured.add_wrong(case, checks, records)
    found = Calibration(
        environment={name: version(name) for name in ("tensorflow-cpu", "keras", "numpy", "scikit-learn")}
        | {"python": platform.python_version()},
        seeds=list(range(42, 42 + seeds)),
        distributions=measured.distributions(),
        seed_bands=measured.seed_bands(),
    )
    content = msgspec.json.format(msgspec.json.encode(found), indent=1)
    beside = out.with_name(out.name + ".partial")
    beside.write_bytes(content + b"\n")
    beside.replace(out)
    click.echo(f"Written: {out}")


def _right_and_wrong(
    work: Path, seeds: range, cifar10: Path | None, progress: object
) -> Iterator[tuple[str, frozenset[str] | None, Records]]:
    """(name, checks that it is meant to fail or None for right work, records)."""
    from fixtures.artefact_cases import CASES, build
    from fixtures.images import ImageSet, generated_images
    from reference.data import EMBEDDED_IMAGES
    from reference.produce import produce
    from tflab.obvious_mistakes import MISTAKES, make
    from tflab.reference_command import load_images

    sets: list[tuple[str, ImageSet, str, tuple[str, ...]]] = [
        ("generated", generated_images(), EMBEDDED_IMAGES, SECTIONS)
    ]
    if cifar10 is not None:
        images, source = load_images(cifar10, None, None, download=False)
        assert images is not None
        sets.append(("cifar10", images, source, ("cnn", "formats", "quantization")))
    for name, images, source, sections in sets:
        options = ["--cifar10", str(cifar10)] if name == "cifar10" else []
        for seed in seeds:
            folder = work / f"{name}-{seed}"
            produce(folder, sections=sections, seed=seed, images=images, images_source=source, progress=progress)  # type: ignore[arg-type]
            yield f"seed {seed}", None, _judge(folder, work, options)
        base = work / f"{name}-{seeds[0]}"
        for mistake in MISTAKES:
            if mistake.section not in sections:
                continue
            folder = work / f"{name}-wrong" / mistake.name
            if not folder.exists():
                make(base, folder, mistake, images)
            yield mistake.story, mistake.fails, _judge(folder, work, options)
    base = work / f"generated-{seeds[0]}"
    for wrong in CASES:
        if any(check.startswith("transfer/") for check in wrong.fails):
            continue
        folder = work / "cases" / wrong.name
        if not folder.exists():
            build(base, folder, wrong)
        yield wrong.story, wrong.fails, _judge(folder, work, [])


def _judge(folder: Path, work: Path, options: list[str]) -> Records:
    from suites import plugin

    records = work / "records.jsonl"
    plugin.run(["-p", "no:terminal", "--artefacts", str(folder), "--records", str(records), *options])
    return read(records)


def _calibrated(records: Records) -> Iterator[tuple[str, str, float]]:
    for result in records.results:
        for measurement in result.measurements:
            criterion = CHECK[result.check].criteria[measurement.quantity]
            if criterion.calibrated and isinstance(measurement.measured, float | int):
                yield result.check, measurement.quantity, float(measurement.measured)
