"""Saving: the trained CNN as .keras, as HDF5 and as a SavedModel.

Three containers for the same numbers. The first two hold the architecture as configuration and can be trained
on; a SavedModel holds the computation itself and needs no Keras to run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fixtures.digests import digest_arrays
from reference import cnn, environment, versions
from reference.evidence import FormatsEvidence
from reference.work import Work

HDF5 = "cifar10_cnn_model.h5"
SAVED_MODEL = "cifar10_saved_model"
ROWS = 64


def run(work: Work) -> FormatsEvidence:
    """Save the CNN again from its .keras file; reload every format and compare what it answers."""
    environment.start_afresh(work.settings.seed)
    keras_file = work.finished / cnn.MODEL
    model = versions.load_model(keras_file, to_train=True)
    x = cnn.pixels(work.images.x_test[:ROWS])
    answers = model(x).numpy()
    versions.save_hdf5(model, work.folder / HDF5)
    versions.export_saved_model(model, work.folder / SAVED_MODEL)

    reload: dict[str, Callable[[], Any]] = {
        ".keras": lambda: versions.load_model(keras_file)(x).numpy(),
        ".h5": lambda: versions.load_model(work.folder / HDF5)(x).numpy(),
        "SavedModel": lambda: versions.call_saved_model(work.folder / SAVED_MODEL, x),
    }
    return FormatsEvidence(
        weights_digest=digest_arrays(*model.get_weights()),
        reloaded={name: float(np.abs(again() - answers).max()) for name, again in reload.items()},
        rows=len(x),
    )
