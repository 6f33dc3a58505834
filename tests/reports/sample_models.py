"""Series of the models made up: images, conversion, quantization, formats."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from suites.records import Series

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RUNTIMES = ("litert", "tf.lite")


def plain(values: Any, digits: int = 6) -> Any:
    return np.round(np.asarray(values, dtype=float), digits).tolist()


def images(random: np.random.Generator) -> list[Series]:
    epochs = np.arange(1, 11)
    recall = [0.71, 0.78, 0.47, 0.40, 0.59, 0.56, 0.78, 0.70, 0.79, 0.72]
    counts = np.array([np.rint((1 - share) * 1000 * random.dirichlet(np.ones(10) * 2)) for share in recall]).astype(
        int
    )
    np.fill_diagonal(counts, 0)
    np.fill_diagonal(counts, 1000 - counts.sum(axis=1))
    order = np.argsort(-(counts - np.diag(np.diag(counts))), axis=None)[:5]
    worst = [[CLASSES[flat // 10], CLASSES[flat % 10], int(counts.flat[flat])] for flat in order]
    curve = 0.76 - 0.36 * np.exp(-epochs / 4)
    validation = 0.66 - 0.22 * np.exp(-epochs / 2.5)
    layers = [
        ("conv2d", "Conv2D", "32×32×32", 896),
        ("max_pooling2d", "MaxPooling2D", "16×16×32", 0),
        ("conv2d_1", "Conv2D", "14×14×64", 18_496),
        ("max_pooling2d_1", "MaxPooling2D", "6×6×64", 0),
        ("flatten", "Flatten", "2304", 0),
        ("dense", "Dense", "64", 147_520),
        ("dense_1", "Dense", "10", 650),
    ]
    return [
        Series(
            check="cnn/accuracy",
            name="history",
            data={
                "accuracy": plain(curve),
                "val_accuracy": plain(validation),
                "loss": plain(2.2 - 1.5 * curve / 0.76),
                "val_loss": plain(2.1 - 1.6 * validation),
            },
        ),
        Series(
            check="cnn/accuracy",
            name="seed_band",
            data={
                "epochs": epochs.tolist(),
                "val_accuracy_low": plain(validation - 0.015),
                "val_accuracy_high": plain(validation + 0.012),
                "seeds": 5,
            },
        ),
        Series(
            check="cnn/confusion-matrix",
            name="matrix",
            data={"labels": list(CLASSES), "counts": counts.tolist(), "worst": worst},
        ),
        Series(
            check="cnn/confusion-matrix",
            name="misclassified",
            data={"images": [_image(random, wrong=True) for _ in range(12)]},
        ),
        Series(
            check="cnn/confusion-matrix",
            name="predictions",
            data={"images": [_image(random, wrong=False) for _ in range(4)]},
        ),
        Series(
            check="cnn/parameter-count",
            name="layers",
            data={
                "rows": [
                    dict(zip(("name", "kind", "output_shape", "parameters"), row, strict=True)) for row in layers
                ],
                "total": 167_562,
            },
        ),
        Series(
            check="transfer/accuracy",
            name="history",
            data={
                "accuracy": plain(curve - 0.1),
                "val_accuracy": plain(validation - 0.05),
                "loss": plain(2.3 - 1.5 * curve),
                "val_loss": plain(2.2 - 1.5 * validation),
            },
        ),
        Series(
            check="transfer/accuracy",
            name="matrix",
            data={"labels": list(CLASSES), "counts": counts[:, ::-1].T.tolist()},
        ),
    ]


def _image(random: np.random.Generator, *, wrong: bool) -> dict[str, Any]:
    y, x = np.mgrid[0:32, 0:32] / 32.0
    hue = random.random((3, 3))
    ripple = 0.5 + 0.5 * np.sin(2 * np.pi * (x * random.integers(1, 4) + y * random.integers(0, 4)))
    pixels = 255 * np.clip(
        ripple[..., None] * hue[0] + (1 - ripple[..., None]) * hue[1] + 0.05 * random.normal(size=(32, 32, 3)), 0, 1
    )
    true = int(random.integers(10))
    guess = (true + 3) % 10 if wrong else true
    probabilities = np.full(10, 0.02)
    probabilities[guess], probabilities[(guess + 1) % 10] = 0.66, 0.18
    return {
        "pixels": base64.b64encode(pixels.astype(np.uint8).tobytes()).decode(),
        "true": CLASSES[true],
        "predicted": CLASSES[guess],
        "probability": 0.66,
        "probabilities": plain(probabilities),
    }


def conversion() -> list[Series]:
    def bell(middle: float, width: float, total: int) -> dict[str, Any]:
        edges = np.arange(-12, 1.01, 0.25)
        centres = (edges[:-1] + edges[1:]) / 2
        weights = np.exp(-0.5 * ((centres - middle) / width) ** 2)
        counts = np.rint(total * weights / weights.sum()).astype(int)
        return {
            "log10_edges": plain(edges, 2),
            "counts": counts.tolist(),
            "zeros": total // 3,
            "largest": float(10 ** (middle + 2.2 * width)),
        }

    files = [
        ("cifar10_cnn_model.tflite", "float", 2.5e-6, 1.0),
        ("cifar10_cnn_model_float16.tflite", "float16", 4e-4, 1.0),
        ("cifar10_cnn_model_quantized.tflite", "dynamic range", 0.041, 0.9953),
        ("cifar10_cnn_model_int8.tflite", "full int8", 0.068, 0.986),
    ]

    def support(refused: set[str]) -> list[dict[str, Any]]:
        return [
            {
                "file": name,
                "kind": kind,
                "outcome": "refused",
                "reason": "Didn't find op for builtin opcode 'FULLY_CONNECTED' version '12'",
            }
            if kind in refused
            else {
                "file": name,
                "kind": kind,
                "outcome": "runs",
                "largest_difference": gap,
                "top1_agreement": same,
                "reason": "",
                "load_seconds": 0.0021,
                "first_seconds": 0.013,
            }
            for name, kind, gap, same in files
        ]

    sizes = [
        ("cifar10_cnn_model.h5", 2_061_000, "keras"),
        ("cifar10_cnn_model.keras", 2_048_368, "keras"),
        ("cifar10_saved_model", 812_000, "keras"),
        ("cifar10_cnn_model.tflite", 674_728, "tflite"),
        ("weights alone", 670_248, "weights"),
        ("cifar10_cnn_model_float16.tflite", 340_596, "tflite"),
        ("cifar10_cnn_model_quantized.tflite", 178_688, "tflite"),
        ("cifar10_cnn_model_int8.tflite", 176_216, "tflite"),
    ]
    tensors = [
        ("sequential/conv2d/kernel", "32×3×3×3", "float32", 864, 3_456, "under 1,024 elements: stays as it is"),
        ("sequential/conv2d_1/kernel", "64×3×3×32", "int8", 18_432, 18_432, ""),
        ("sequential/dense/kernel", "64×2304", "int8", 147_456, 147_456, ""),
        ("sequential/dense_1/kernel", "10×64", "float32", 640, 2_560, "under 1,024 elements: stays as it is"),
    ]
    formats = [
        ("keras", "cifar10_cnn_model.keras", 2_048_368, True),
        ("h5", "cifar10_cnn_model.h5", 2_061_000, True),
        ("savedmodel", "cifar10_saved_model", 812_000, True),
    ]
    return [
        *(
            Series(
                check="tflite/linear-parity", name="difference", variant=runtime, data=bell(-7.2 + n / 2, 0.5, 1000)
            )
            for n, runtime in enumerate(RUNTIMES)
        ),
        *(
            Series(
                check="tflite/logistic-parity",
                name="difference",
                variant=runtime,
                data=bell(-7.9 + n / 2, 0.4, 1000),
            )
            for n, runtime in enumerate(RUNTIMES)
        ),
        Series(check="quantization/output-parity", name="difference", data=bell(-3.4, 0.9, 100_000)),
        Series(
            check="quantization/output-parity",
            name="flips",
            data={"both_right": 6_478, "both_wrong": 3_481, "lost": 19, "gained": 22, "changed": 47},
        ),
        Series(
            check="quantization/size-reduction",
            name="sizes",
            data={"rows": [dict(zip(("name", "bytes", "kind"), row, strict=True)) for row in sizes]},
        ),
        Series(
            check="quantization/weights",
            name="tensors",
            data={
                "rows": [
                    dict(zip(("name", "shape", "dtype", "elements", "bytes", "note"), row, strict=True))
                    for row in tensors
                ]
            },
        ),
        Series(
            check="quantization/runtime-support",
            name="support",
            variant="litert",
            data={"files": support(set()), "version": "ai_edge_litert 2.3.0", "informs": False},
        ),
        Series(
            check="quantization/runtime-support",
            name="support",
            variant="tf.lite",
            data={"files": support(set()), "version": "tensorflow 2.21.0", "informs": False},
        ),
        Series(
            check="quantization/runtime-support",
            name="support",
            variant="tflite-runtime",
            data={"files": support({"dynamic range"}), "version": "tflite_runtime 2.14.0", "informs": True},
        ),
        Series(
            check="formats/round-trip",
            name="formats",
            data={
                "rows": [
                    {
                        "format": kind,
                        "file": name,
                        "bytes": size,
                        "parameters": 167_562,
                        "saved_by": "3.15.0",
                        "equal": same,
                        "note": "",
                    }
                    for kind, name, size, same in formats
                ]
            },
        ),
    ]
