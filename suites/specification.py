"""THE table: the lab's sections, their checks, what each is worth, its criteria and why.

Nothing else in the project holds a limit or a number of points. A check is ``section/name``; its test is
``suites/test_<section>.py::test_<name>``, hyphens as underscores, and its docstring says what must hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from suites.criteria import Criterion, at_least, at_most, equal


@dataclass(frozen=True)
class Section:
    """One section of the lab: ``claim`` is what the lab says, in our words; ``lines`` where it says so."""

    id: str
    title: str
    claim: str
    lines: tuple[int, int]


@dataclass(frozen=True)
class Check:
    """One row of the table. ``hint`` helps a student on without giving the answer away."""

    id: str
    points: float
    hint: str
    criteria: Mapping[str, Criterion] = field(default_factory=dict)
    evidence: bool = False
    """Whether the check rests on what the harness saw while the work was made, not on a model file."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "criteria", MappingProxyType(dict(self.criteria)))

    @property
    def section(self) -> str:
        """The part before the slash."""
        return self.id.split("/", 1)[0]

    @property
    def name(self) -> str:
        """The part after the slash."""
        return self.id.split("/", 1)[1]


SECTIONS: tuple[Section, ...] = (
    Section("linear", "Linear regression", "The same line twice: by the normal equation and by gradient descent.", (5, 174)),
    Section("tuner", "Hyperparameter search", "keras-tuner finds a learning rate and a number of epochs that serve better.", (176, 341)),
    Section("logistic", "Logistic regression", "Both libraries reach 88 % on the same points, with the same boundary.", (343, 528)),
    Section("tflite", "Conversion to TFLite", "The converted model computes what the Keras model computes.", (530, 669)),
    Section("cnn", "CNN on images", "A small convolutional network with 167,562 parameters learns ten classes.", (671, 786)),
    Section("transfer", "VGG16 transfer", "A frozen pre-trained base needs only a new head.", (788, 848)),
    Section("formats", "Saving", "Keras, HDF5 and SavedModel hold the same model.", (908, 938)),
    Section("quantization", "Quantization", "The quantized file is about a quarter of the size and predicts the same.", (940, 1022)),
)  # fmt: skip

CHECKS: tuple[Check, ...] = (
    Check(
        "linear/normal-equation",
        points=3,
        hint="Fit scikit-learn's LinearRegression on the five houses with their noise, unscaled.",
        evidence=True,
        criteria={
            "slope": at_most(1e-9, "float64 rounding times the condition number of XᵀX, about 1e7", "relative"),
            "intercept": at_most(1e-9, "float64 rounding times the condition number of XᵀX, about 1e7", "relative"),
        },
    ),
    Check(
        "linear/architecture",
        points=3,
        hint="A straight line has a slope and an intercept: how many neurons, and which activation, is that?",
        criteria={
            "parameters": equal(2, "one slope and one intercept"),
            "layers": equal("Dense(1, linear)", "a linear regression is one linear neuron on one input"),
        },
    ),
    Check(
        "linear/coefficient-agreement",
        points=6,
        hint="Were all 10,000 houses used, are both axes scaled back, and did the training run long enough?",
        criteria={
            "slope": at_most(0.002, "SGD at the lab's learning rate ends near the least-squares slope", "price per sq ft", calibrated=True),
            "intercept": at_most(2.0, "SGD at the lab's learning rate ends near the least-squares intercept", "price", calibrated=True),
        },
    ),
    Check(
        "linear/prediction-agreement",
        points=4,
        hint="Plot your predictions over the least-squares line: where do they part?",
        criteria={
            "largest difference": at_most(0.1, "share of the residual deviation, largest over the range of the houses", "of the residual deviation", calibrated=True),
        },
    ),
    Check(
        "tuner/search-space",
        points=4,
        hint="Compare the ranges, the sampling and the number of trials with the lab's text.",
        criteria={
            "learning rate": equal("0.0001…0.1, log", "the lab's range, sampled log-uniformly"),
            "epochs": equal("50…200 by 10", "the lab's range and step"),
            "objective": equal("loss, min", "the lab minimises the training loss"),
            "finished trials": equal(10, "the lab asks for ten trials"),
        },
    ),
    Check(
        "tuner/best-trial",
        points=3,
        hint="Which of your trials has the lowest score, and are those the values you trained with?",
        criteria={
            "learning rate": at_most(1e-6, "the optimizer stores the rate as float32", "relative"),
            "epochs": equal(True, "the refit asks for the best trial's epochs"),
        },
    ),
    Check(
        "tuner/refit",
        points=4,
        hint="Train a fresh model with the best values, on the same scaled data.",
        criteria={
            "excess loss": at_most(0.01, "loss above the untuned model's, as a share of it", "of the untuned loss", calibrated=True),
        },
    ),
    Check(
        "logistic/architecture",
        points=3,
        hint="One probability from two features: how many neurons, and which activation?",
        criteria={
            "parameters": equal(3, "two weights and a bias"),
            "layers": equal("Dense(1, sigmoid)", "a logistic regression is one neuron with a sigmoid on two inputs"),
        },
    ),
    Check(
        "logistic/sklearn-accuracy",
        points=3,
        hint="Use the lab's seed for both the points and the split.",
        evidence=True,
        criteria={"accuracy": equal(0.88, "176 of the 200 seeded test points: the lab's own figure")},
    ),
    Check(
        "logistic/accuracy",
        points=5,
        hint="Does the accuracy still rise when you train longer?",
        criteria={
            "accuracy": at_least(0.835, "scikit-learn's 0.88 less 1.96 binomial standard deviations at 200 points"),
        },
    ),
    Check(
        "logistic/coefficient-agreement",
        points=4,
        hint="Compare the direction of the two weights, and where the line crosses, with scikit-learn's.",
        criteria={
            "angle": at_most(3.0, "angle between the two normals; like with like: both without penalty", "degrees", calibrated=True),
            "offset": at_most(0.2, "distance between the boundaries where they pass the mean of the points", "feature units", calibrated=True),
        },
    ),
    Check(
        "logistic/decision-agreement",
        points=4,
        hint="Draw both boundaries over the same grid: where do the two models disagree?",
        criteria={
            "test points": at_least(0.97, "share of the test points given the same class", "of the points", calibrated=True),
            "grid": at_least(0.96, "share of the plane's grid given the same class", "of the grid", calibrated=True),
        },
    ),
    Check(
        "tflite/signature",
        points=3,
        hint="Convert without optimizations here: the lab quantizes only the CNN.",
        criteria={
            "linear input": equal("float32 [1, 1], quantization (0.0, 0)", "one unquantized number in"),
            "linear output": equal("float32 [1, 1], quantization (0.0, 0)", "one unquantized number out"),
            "logistic input": equal("float32 [1, 2], quantization (0.0, 0)", "two unquantized numbers in"),
            "logistic output": equal("float32 [1, 1], quantization (0.0, 0)", "one unquantized number out"),
        },
    ),
    Check(
        "tflite/linear-parity",
        points=4,
        hint="Was this file converted from the model that you saved?",
        criteria={
            "largest difference": at_most(1e-5, "float32 rounding of one multiplication and one addition", "of the largest output"),
        },
    ),
    Check(
        "tflite/logistic-parity",
        points=4,
        hint="Was this file converted from the model that you saved?",
        criteria={
            "largest difference": at_most(1e-5, "float32 rounding of a dot product and a sigmoid", "probability"),
        },
    ),
    Check(
        "cnn/parameter-count",
        points=5,
        hint="Compare your model's summary with the lab's table, layer by layer.",
        criteria={
            "parameters": equal(167_562, "the lab's summary"),
            "layer parameters": equal("896 · 18,496 · 147,520 · 650", "the lab's summary, layer by layer"),
        },
    ),
    Check(
        "cnn/accuracy",
        points=8,
        hint="Look at the learning curves: does it still improve, and are the pixels scaled alike in training and test?",
        criteria={
            "accuracy (generated)": at_least(0.6, "reference over several seeds against the obvious wrong models", "of the test images", calibrated=True),
            "accuracy (generated), fresh images": at_least(0.6, "the same limit on images that no training has seen", "of fresh images", calibrated=True),
            "accuracy (cifar10)": at_least(0.6, "reference over several seeds against the obvious wrong models", "of the test images", calibrated=True),
        },
    ),
    Check(
        "cnn/confusion-matrix",
        points=3,
        hint="Is there a class that your model never, or hardly ever, gets right?",
        criteria={
            "lowest recall": at_least(0.1, "upper Wilson limit of the worst class's recall: above chance in ten classes", "recall"),
        },
    ),
    Check(
        "transfer/frozen-base",
        points=5,
        hint="Freeze the base before compiling, and leave the top of VGG16 out.",
        criteria={
            "frozen parameters": equal(14_714_688, "VGG16's convolutional base"),
            "trainable parameters": equal(33_482, "Flatten, Dense(64), Dense(10) on 512 features"),
            "base unchanged": equal(True, "frozen weights are bit-identical before and after training"),
        },
    ),
    Check(
        "transfer/accuracy",
        points=4,
        hint="Were the ImageNet weights loaded, and is the base frozen?",
        criteria={
            "accuracy": at_least(0.5, "ImageNet features at 32×32 are reported near 0.60; random ones stay below 0.45", "of the test images", calibrated=True),
        },
    ),
    Check(
        "formats/round-trip",
        points=6,
        hint="Save all three files from the same model, after its training.",
        criteria={
            "formats": equal(3, "Keras, HDF5 and SavedModel"),
            "different weights": equal(0, "saving must not change a single bit of a weight", "tensors"),
            "largest difference of outputs": at_most(1e-5, "float32 rounding where a loader gives the same weights", "probability"),
        },
    ),
    Check(
        "quantization/weights",
        points=2,
        hint="Is the attribute spelled `optimizations`, and set before `convert`?",
        criteria={"float tensors": equal(0, "every weight tensor of at least 1,024 elements is int8", "tensors")},
    ),
    Check(
        "quantization/size-reduction",
        points=3,
        hint="How many bytes does one weight take in your file?",
        criteria={
            "share of float bytes": at_most(0.30, "int8 is a quarter; small tensors, scales and the graph add some hundredths", "of 4 bytes per parameter"),
            "share of the float file": at_most(0.30, "int8 is a quarter of float32", "of the float .tflite"),
        },
    ),
    Check(
        "quantization/output-parity",
        points=3,
        hint="Was the quantized file converted from the model that you saved, and are the pixels scaled alike?",
        criteria={
            "largest difference": at_most(0.2, "int8 weights move a probability a little", "probability", calibrated=True),
            "top-1 agreement": at_least(0.97, "int8 weights change few decisions", "of the inputs", calibrated=True),
        },
    ),
    Check(
        "quantization/accuracy-drop",
        points=2,
        hint="Compare both models on the same images, one by one.",
        criteria={
            "upper limit of the drop": at_most(0.01, "one point: what quantization may cost", "of the test images"),
        },
    ),
    Check(
        "quantization/runtime-support",
        points=2,
        hint="Open your file with the runtime of your board before you hand it in.",
        criteria={"outcome": equal("runs", "the file loads, runs and answers finite numbers")},
    ),
)  # fmt: skip

SECTION = MappingProxyType({section.id: section for section in SECTIONS})
CHECK = MappingProxyType({check.id: check for check in CHECKS})

IMAGE_LIMITS: Mapping[tuple[str, int], str] = MappingProxyType(
    {
        ("generated", 6_000): "accuracy (generated)",
        ("cifar10", 45_000): "accuracy (cifar10)",
    }
)
"""Which criterion of cnn/accuracy holds for which data set, from how many training images on."""


def accuracy_quantity(data: str, training_rows: int) -> str | None:
    """The criterion of cnn/accuracy for a CNN trained on so many images: that of the next smaller number."""
    fitting = [rows for name, rows in IMAGE_LIMITS if name == data and rows <= training_rows]
    return IMAGE_LIMITS[data, max(fitting)] if fitting else None
