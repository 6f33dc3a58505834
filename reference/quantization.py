"""Quantization: the CNN as it is, and at three lower precisions.

The lab's own choice is dynamic range: the weights shrink to a quarter, the arithmetic stays in float. A
microcontroller runs only the last one, full int8; its activations need ranges before they are ever computed, so
they are measured on training images. Test images stay unseen.
"""

from __future__ import annotations

import io

import numpy as np

from fixtures.digests import digest_arrays
from reference import cnn
from reference.evidence import Calibration, QuantizationEvidence
from reference.work import Work

FILES = {
    "float": "cifar10_cnn_model.tflite",
    "dynamic": "cifar10_cnn_model_quantized.tflite",
    "float16": "cifar10_cnn_model_float16.tflite",
    "int8": "cifar10_cnn_model_int8.tflite",
}
"""Mode to file."""
CALIBRATION_ROWS = 200


def run(work: Work) -> QuantizationEvidence:
    """Convert the CNN four times from its file."""
    rows = cnn.pixels(work.images.x_train[:CALIBRATION_ROWS])
    calibration = work.scratch / "calibration.npy"
    content = io.BytesIO()  # straight to a file, NumPy would lose the reason why a write failed
    np.save(content, rows, allow_pickle=False)
    calibration.write_bytes(content.getvalue())
    conversions = []
    with work.progress.steps("quantization, models", len(FILES)) as advance:
        for mode, target in FILES.items():
            conversions.append(
                work.converter.convert(
                    work.finished / cnn.MODEL,
                    work.folder / target,
                    mode,
                    scratch=work.scratch,
                    rows=calibration if mode == "int8" else None,
                )
            )
            advance()
    return QuantizationEvidence(
        conversions=conversions,
        calibration=Calibration(rows=len(rows), digest=digest_arrays(rows)),
    )
