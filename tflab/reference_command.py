"""`tflab reference`: produce the answer key as an artefact folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from reference.settings import SECTIONS
from tflab.errors import Unusable

if TYPE_CHECKING:
    from fixtures.images import ImageSet

TRAIN, TEST = 6_000, 2_000
CIFAR10_TRAIN, CIFAR10_TEST = 45_000, 10_000
"""Training and test images unless told otherwise; the validation images keep their proportion to the former."""


@click.command(
    epilog="\b\nExamples:\n  tflab reference --out out/reference\n"
    "  tflab reference --out out/cifar10 --cifar10 cifar-10-binary.tar.gz\n"
    "  tflab reference --out out/reference --sections linear,tflite --seed 7"
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the artefacts.")
@click.option("--cifar10", type=click.Path(path_type=Path), help="Real CIFAR-10: folder, tarball or Keras cache.")
@click.option("--sections", metavar="A,B", help=f"Only these, and what they build upon: {', '.join(SECTIONS)}.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=42, show_default=True, help="Seed of every training."
)
@click.option(
    "--epochs", type=click.IntRange(1), default=10, show_default=True, help="Epochs of the image classifiers."
)
@click.option(
    "--train-size", type=click.IntRange(1), help=f"Training images ({TRAIN:,}, of CIFAR-10 {CIFAR10_TRAIN:,})."
)
@click.option("--test-size", type=click.IntRange(1), help=f"Test images ({TEST:,}, of CIFAR-10 {CIFAR10_TEST:,}).")
@click.option(
    "--vgg16-weights", type=click.Path(path_type=Path), metavar="FILE", help="VGG16's ImageNet weights (.h5)."
)
@click.option("--download", is_flag=True, help="Let Keras download what is not there: VGG16's weights, CIFAR-10.")
@click.option(
    "--threads", type=click.IntRange(1), metavar="N", help="Bound TensorFlow's threads (default: every core)."
)
def reference_command(
    out: Path,
    cifar10: Path | None,
    sections: str | None,
    seed: int,
    epochs: int,
    train_size: int | None,
    test_size: int | None,
    vgg16_weights: Path | None,
    download: bool,
    threads: int | None,
) -> int:
    """Produce the answer key: every section of the lab, as an artefact folder.

    Sections that are finished in the folder, from the same settings and data, are kept: a run that was broken off
    goes on where it stopped. Exits with 0, with 1 when a conversion to TFLite failed, 2 when it cannot be done.
    """
    from fixtures.errors import DataSetError
    from reference.errors import ProduceError
    from reference.produce import produce
    from reference.settings import Settings

    settings = Settings(
        seed=seed, image_epochs=epochs, vgg16_weights=vgg16_weights, download=download, threads=threads
    )
    names = [name.strip() for name in sections.split(",") if name.strip()] if sections is not None else None
    with TerminalProgress() as progress:
        try:
            images, source = load_images(cifar10, train_size, test_size, download=download)
            produced = produce(
                out, sections=names, images=images, images_source=source, settings=settings, progress=progress
            )
        except (ProduceError, DataSetError) as error:
            raise Unusable(str(error)) from error
    for failed in produced.failed_conversions:
        click.echo(f"{failed.file} could not be converted ({failed.outcome}): {failed.error}", err=True)
    return 1 if produced.failed_conversions else 0


def load_images(
    cifar10: Path | None, train: int | None, test: int | None, *, download: bool
) -> tuple[ImageSet | None, str]:
    """The image set that was asked for and where it comes from; None where nothing was asked for.

    Raises:
        DataSetError: it is no CIFAR-10, or does not have that many images.
    """
    from fixtures.cifar10 import load_cifar10
    from fixtures.images import generated_images
    from reference.data import EMBEDDED_IMAGES

    if cifar10 is not None:
        if download and not cifar10.exists():
            from reference.cifar10_download import download_cifar10

            download_cifar10(cifar10)
        train = train or CIFAR10_TRAIN
        images = load_cifar10(cifar10, train, max(1, train // 9), test or CIFAR10_TEST)
        return images, "CIFAR-10 as it was given"
    if train is None and test is None:
        return None, EMBEDDED_IMAGES
    train = train or TRAIN
    return generated_images(train, max(1, train // 6), test or TEST), EMBEDDED_IMAGES


def own_standard_error() -> TextIO:
    """Standard error on a descriptor of its own: the process's is put aside while TensorFlow is loaded."""
    try:
        return os.fdopen(os.dup(sys.stderr.fileno()), "w")
    except (OSError, ValueError):  # it is no file, as under a test runner
        return sys.stderr


class TerminalProgress:
    """Bars on a terminal; elsewhere (a log, a pipe) one plain line for each thing that begins or ends."""

    def __init__(self) -> None:
        self._stderr = own_standard_error()
        self.console = Console(file=self._stderr)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )

    def __enter__(self) -> TerminalProgress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
        if self._stderr is not sys.stderr:
            self._stderr.close()

    def say(self, sentence: str) -> None:
        """Print one line, above the bars."""
        self.console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def steps(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        """Show a bar while the block runs."""
        if not self.console.is_terminal:
            self.say(f"{label}: {total}")
        task = self._bars.add_task(label, total=total)
        try:
            yield lambda: self._bars.advance(task)
        finally:
            self._bars.remove_task(task)
