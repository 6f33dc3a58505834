"""What is known of Keras's layer classes by name, and what a reader must be warned of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelfiles.architecture import Config, Node, is_keras_module

MODEL_KINDS = frozenset({"Sequential", "Functional", "Model"})

KERAS_LAYERS = frozenset(
    """
    AbstractRNNCell Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
    AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add
    AdditiveAttention AlphaDropout Attention AugMix AutoContrast Average AveragePooling1D AveragePooling2D
    AveragePooling3D BatchNormalization BatchNormalizationV1 BatchNormalizationV2 Bidirectional
    CategoryEncoding CenterCrop Concatenate ContrastLimitedAdaptiveHistogramEqualization Conv1D
    Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D
    Convolution1D Convolution2D Convolution3D Cropping1D Cropping2D Cropping3D CuDNNGRU CuDNNLSTM CutMix
    Dense DenseFeatures DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding
    Equalization Flatten FlaxLayer GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D
    GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GroupNormalization GroupQueryAttention GroupedQueryAttention HashedCrossing Hashing Identity InputLayer
    IntegerLookup JaxLayer LSTM LSTMCell Lambda LayerNormalization LeakyReLU LocallyConnected1D
    LocallyConnected2D Masking MaxNumBoundingBoxes MaxPooling1D MaxPooling2D MaxPooling3D Maximum
    MelSpectrogram Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute Pipeline
    RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter
    RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomFourierFeatures
    RandomGaussianBlur RandomGrayscale RandomHeight RandomHue RandomInvert RandomPerspective
    RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation
    RandomWidth RandomZoom ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding STFTSpectrogram
    SeparableConv1D SeparableConv2D SimpleRNN SimpleRNNCell SlicingOpLambda Softmax Solarization
    SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup
    Subtract SyncBatchNormalization TFOpLambda TFSMLayer TensorFlowOpLayer TextVectorization ThresholdedReLU
    TimeDistributed TorchModuleWrapper UnitNormalization UpSampling1D UpSampling2D UpSampling3D
    ZeroPadding1D ZeroPadding2D ZeroPadding3D
    """.split()  # noqa: SIM905 - names, to be read as a list of names
)
"""Class names of the layers of Keras 2 and 3, as their files name them."""

_HAZARDS = {
    "Lambda": "carries Python code of its own, which is never run here",
    "TFSMLayer": "loads another SavedModel, which is never done here",
    "TorchModuleWrapper": "unpickles a PyTorch module, which is never done here",
    "JaxLayer": "carries code of its own, which is never run here",
    "FlaxLayer": "carries code of its own, which is never run here",
}
_VOCABULARIES = frozenset({"StringLookup", "IntegerLookup", "TextVectorization"})
_OPERATIONS = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"})
MAX_WARNINGS = 50


def weight_names(kind: str, config: Config) -> tuple[str, ...] | None:
    """Names of a layer's variables in Keras's order, where the class is known to have just these."""
    bias = ("bias",) if config.get("use_bias", True) else ()
    if kind in ("Dense", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"):
        return ("kernel", *bias)
    if kind in ("DepthwiseConv1D", "DepthwiseConv2D"):
        return ("depthwise_kernel", *bias)
    if kind in ("SeparableConv1D", "SeparableConv2D"):
        return ("depthwise_kernel", "pointwise_kernel", *bias)
    if kind in ("BatchNormalization", "LayerNormalization", "GroupNormalization"):
        scale = ("gamma",) if config.get("scale", True) else ()
        center = ("beta",) if config.get("center", True) else ()
        moving = ("moving_mean", "moving_variance") if kind == "BatchNormalization" else ()
        return (*scale, *center, *moving)
    if kind == "Embedding":
        return ("embeddings",)
    if kind == "PReLU":
        return ("alpha",)
    if kind == "Normalization":
        return () if config.get("mean") is not None else ("mean", "variance", "count")
    if kind in WITHOUT_WEIGHTS:
        return ()
    return None


WITHOUT_WEIGHTS = frozenset(
    """
    Activation ActivityRegularization Add AlphaDropout Average AveragePooling1D AveragePooling2D Concatenate
    Cropping1D Cropping2D Dot Dropout ELU Flatten GaussianDropout GaussianNoise GlobalAveragePooling1D
    GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D Identity InputLayer LeakyReLU Masking
    MaxPooling1D MaxPooling2D Maximum Minimum Multiply Permute RandomBrightness RandomContrast RandomFlip
    RandomRotation RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape Softmax SpatialDropout1D
    SpatialDropout2D Subtract ThresholdedReLU UpSampling1D UpSampling2D ZeroPadding1D ZeroPadding2D
    """.split()  # noqa: SIM905 - names, to be read as a list of names
)
STATE_NAMES = frozenset({"moving_mean", "moving_variance", "mean", "variance", "count", "total"})
"""Variables that no gradient changes, whatever the layer's `trainable` says."""


def cautions(model: Node) -> Iterator[str]:
    """One sentence for each layer that would run or fetch something when loaded, or that is nobody knows whose."""
    for path, node in model.walk():
        if node.kind in _HAZARDS:
            yield f"layer {path!r} ({node.kind}) {_HAZARDS[node.kind]}."
        elif node.kind in _OPERATIONS:
            function = node.config.get("function")
            named = f" {function!r}" if isinstance(function, str) else ""
            yield f"layer {path!r} ({node.kind}) calls a function of TensorFlow{named}."
        elif node.kind in _VOCABULARIES and isinstance(node.config.get("vocabulary"), str):
            yield f"layer {path!r} ({node.kind}) reads the file {node.config['vocabulary']!r} when it is loaded."
        elif not node.is_model and node.kind not in KERAS_LAYERS and not node.kind.startswith("ops."):
            yield f"layer {path!r} is a {node.kind!r}, which is not Keras's own: its code is not in the file."
    if model.kind not in MODEL_KINDS:
        yield f"the model is of class {model.kind!r}, which is not Keras's own: its code is not in the file."


def foreign_objects(configuration: Any) -> Iterator[str]:
    """One sentence for each Python object outside Keras that loading the configuration would look up."""
    seen: set[str] = set()
    level = [configuration]
    while level:
        value = level.pop()
        if isinstance(value, dict):
            what = _foreign(value)
            if what and what not in seen:
                seen.add(what)
                yield f"its configuration names {what}, which is not Keras's own."
            level.extend(value.values())
        elif isinstance(value, list):
            level.extend(value)


def _foreign(value: Config) -> str | None:
    module, name = value.get("module"), value.get("class_name")
    if name == "__lambda__":
        return "a Python function that it carries along"
    if not isinstance(name, str) or not isinstance(module, str) or is_keras_module(module):
        return None
    if name == "function":  # known by its name alone: Keras looks it up in the program that loads the file
        return f"the Python function {str(value.get('config'))[:100]!r}"
    return f"{module}.{name}"[:200]
