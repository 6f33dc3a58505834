"""Conversion to TFLite: the two regressions, as they were trained.

A .tflite file holds the operations and their constants, ready to be mapped into memory, and nothing that
training needs. Both models are far too small for quantization to make them smaller, so they stay float.
"""

from __future__ import annotations

from reference import linear, logistic
from reference.evidence import TFLiteEvidence
from reference.work import Work

FILES = {
    linear.MODEL: "simple_linear_regression_model.tflite",
    logistic.MODEL: "logistic_regression_model.tflite",
}
"""Keras model to its .tflite file."""


def run(work: Work) -> TFLiteEvidence:
    """Convert both models from their files."""
    conversions = []
    with work.progress.steps("conversion to TFLite, models", len(FILES)) as advance:
        for source, target in FILES.items():
            conversions.append(
                work.converter.convert(work.finished / source, work.folder / target, "float", scratch=work.scratch)
            )
            advance()
    return TFLiteEvidence(conversions=conversions)
