"""Runs the sections into an artefact folder, each only if it is not there already."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fixtures.images import ImageSet, generated_images
from reference import environment, evidence, vgg16_weights
from reference.converter import Converter
from reference.data import EMBEDDED_IMAGES, data_of
from reference.errors import ProduceError, means_disk_full
from reference.evidence import Conversion, Data, Envelope, Manifest
from reference.folder import ArtefactFolder, digests
from reference.interrupt import CheckedProgress, Interrupt
from reference.progress import Progress, Silent
from reference.settings import CONVERTING_SECTIONS, IMAGE_SECTIONS, NEEDS, SECTIONS, Settings, with_needs
from reference.work import Work


@dataclass
class Produced:
    """What a run has done: sections made (with seconds), sections kept, conversions that did not succeed."""

    made: dict[str, float] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    failed_conversions: list[Conversion] = field(default_factory=list)


def produce(
    out: Path,
    *,
    sections: Iterable[str] | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    images: ImageSet | None = None,
    images_source: str = EMBEDDED_IMAGES,
    settings: Settings | None = None,
    progress: Progress | None = None,
    converter: Converter | None = None,
) -> Produced:
    """Leave the reference's artefacts, with evidence, in the folder `out`.

    Sections that are finished there, from the same settings and data and by the same packages, stay as they
    are. Sections that `sections` (None: all) build upon are made too. `images` are the embedded ones unless
    given; `seed`, and `epochs` of the image classifiers, go before those in `settings`.

    Raises:
        ProduceError: it cannot be done as asked; the message is a sentence that says what to do.
        KeyboardInterrupt: interrupted; finished sections stay, and nothing is half-written.
    """
    settings = settings or Settings()
    settings = replace(
        settings,
        seed=settings.seed if seed is None else seed,
        image_epochs=settings.image_epochs if epochs is None else epochs,
    )
    wanted = with_needs(sections)
    if images is None and not IMAGE_SECTIONS.isdisjoint(wanted):
        images = generated_images()
    try:
        with (
            ArtefactFolder(out) as folder,
            converter or Converter() as conversions,
            Interrupt() as interrupt,
        ):
            checked = CheckedProgress(progress or Silent(), interrupt)
            return _Run(folder, settings, images, images_source, checked, conversions).sections(wanted)
    except Exception as error:
        if means_disk_full(error):
            sentence = f"The disk that holds {out} is full: make room and run the same command again."
            raise ProduceError(f"{sentence} Finished sections are kept.") from error
        if isinstance(error, ModuleNotFoundError):
            raise ProduceError(
                f"{error.name} is not installed here: install requirements/main.txt, or use `tox run -e tflab`."
            ) from error
        raise


@dataclass(frozen=True)
class _Run:
    """One call of `produce`."""

    folder: ArtefactFolder
    settings: Settings
    images: ImageSet | None
    images_source: str
    progress: Progress
    converter: Converter

    def sections(self, wanted: list[str]) -> Produced:
        """Make what is not finished, in order, so that a section finds what those before it have left."""
        produced = Produced()
        for place, section in enumerate(wanted):
            if self.folder.finished(section, self.depends_on(section), self.inputs(section)):
                produced.kept.append(section)
                self.progress.say(f"{section}: finished before, kept.")
                continue
            if not produced.made:
                self.prepare()
            if not CONVERTING_SECTIONS.isdisjoint(wanted[place:]):
                self.converter.start()  # it imports TensorFlow while this process trains
            failed, produced.made[section] = self.make(section)
            produced.failed_conversions += failed
            self.folder.write_evidence("manifest", evidence.encode(self.manifest()))
            self.progress.say(f"{section}: done in {produced.made[section]:.1f} s.")
        if not produced.made:  # it may be another run's that was broken off
            self.folder.write_evidence("manifest", evidence.encode(self.manifest()))
        return produced

    def prepare(self) -> None:
        """Load TensorFlow, which takes seconds, once a section needs it."""
        with self.progress.steps("loading TensorFlow", 1):
            environment.prepare(self.settings.threads)

    def make(self, section: str) -> tuple[list[Conversion], float]:
        """Make one section and put it in its place; gives its failed conversions and the seconds it took."""
        started = time.perf_counter()
        with self.folder.staging(section) as staging:
            files, scratch = staging / "files", staging / "scratch"
            files.mkdir()
            scratch.mkdir()
            work = Work(
                folder=files,
                scratch=scratch,
                finished=self.folder.root,
                settings=self.settings,
                progress=self.progress,
                converter=self.converter,
                given_images=self.images,
            )
            found = import_module(f"reference.{section}").run(work)
            failed = [c for c in getattr(found, "conversions", ()) if c.outcome != "converted"]
            seconds = time.perf_counter() - started
            envelope = Envelope(
                section=section,
                complete=not failed,
                settings=self.depends_on(section),
                inputs=self.inputs(section),
                data=self.data(section),
                files=digests(files),
                environment=environment.describe(),
                seconds=seconds,
                peak_memory_bytes=environment.peak_memory_bytes(),
            )
            self.folder.publish(section, files, evidence.encode(envelope, found))
        return failed, seconds

    def depends_on(self, section: str) -> dict[str, Any]:
        """Everything but other sections' files that the outcome of a section depends on."""
        seen = {**self.settings.of(section), "tensorflow": _installed_tensorflow(), **environment.packages()}
        seen["data"] = {data.name: data.digest for data in self.data(section)}
        if section == "transfer":
            found = vgg16_weights.find(self.settings.vgg16_weights, download=self.settings.download)
            seen["vgg16_weights"] = found.digest or found.source
        return seen

    def inputs(self, section: str) -> dict[str, str]:
        """The files that a section may read of the sections it needs, with the digests in their evidence."""
        read = (evidence.read(self.folder.evidence_path(need)) for need in NEEDS.get(section, ()))
        return {name: file.sha256 for seen in read if seen is not None for name, file in seen.files.items()}

    def data(self, section: str) -> list[Data]:
        """The data sets that a section learns from."""
        return data_of(section, self.images, self.images_source)

    def manifest(self) -> Manifest:
        """What all the evidence in the folder says together."""
        read = (evidence.read(self.folder.evidence_path(section)) for section in SECTIONS)
        seen = [envelope for envelope in read if envelope is not None]
        return Manifest(
            seed=self.settings.seed,
            environment=seen[-1].environment if seen else {},
            data=list({data.name: data for envelope in seen for data in envelope.data}.values()),
            sections={envelope.section: envelope.seconds for envelope in seen},
            peak_memory_bytes=max((envelope.peak_memory_bytes for envelope in seen), default=0),
        )


def _installed_tensorflow() -> str:
    """The version, without the seconds that importing it would take."""
    for package in ("tensorflow", "tensorflow-cpu", "tensorflow-macos"):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return "not installed"
