"""Files that Keras 2.12, 2.13, 2.15 and 3.15 wrote are read for what Keras knows of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import modelfiles
from modelfiles import KerasModel, ModelFileError
from modelfiles.forward import load, predict
from tests.modelfiles.keras_files import DATA, KEPT, WITH_ARCHITECTURE, expected, label

EXPECTED = {
    "keras-2.12/linear.keras": ("h5", "2.12.0"),
    "keras-2.12/logistic.h5": ("h5", "2.12.0"),
    "keras-2.12/graph.h5": ("h5", "2.12.0"),
    "keras-2.12/linear_saved_model": ("savedmodel", "2.12.0"),
    "keras-2.13/graph.keras": ("keras", "2.13.1"),
    "keras-2.15/linear.keras": ("keras", "2.15.0"),
    "keras-2.15/cnn.keras": ("keras", "2.15.0"),
    "keras-2.15/logistic_export": ("savedmodel", None),
    "keras-3.15/linear.keras": ("keras", "3.15.1"),
    "keras-3.15/graph.keras": ("keras", "3.15.1"),
    "keras-3.15/logistic.weights.h5": ("weights-h5", None),
    "keras-3.15/logistic_export": ("savedmodel", None),
}
GRAPH = {  # layer: (kind, output shape, parameters, of them trainable)
    "picture": ("InputLayer", (None, 6, 6, 2), 0, 0),
    "my_conv": ("Conv2D", (None, 6, 6, 4), 76, 76),
    "norm": ("BatchNormalization", (None, 6, 6, 4), 16, 8),
    "zero_padding2d": ("ZeroPadding2D", (None, 8, 8, 2), 0, 0),
    "re_lu": ("ReLU", (None, 6, 6, 4), 0, 0),
    "stride": ("Conv2D", (None, 3, 3, 4), 72, 72),
    "global_average_pooling2d": ("GlobalAveragePooling2D", (None, 4), 0, 0),
    "global_max_pooling2d": ("GlobalMaxPooling2D", (None, 4), 0, 0),
    "twice": ("Dense", (None, 4), 20, 20),
    "add": ("Add", (None, 4), 0, 0),
    "body": ("Sequential", (None, 3), 27, 6),
    "inner": ("Dense", (None, 3), 15, 0),
    "batch_normalization": ("BatchNormalization", (None, 3), 12, 6),
    "concatenate": ("Concatenate", (None, 7), 0, 0),
    "answer": ("Dense", (None, 2), 16, 16),
}


def described(path: Path) -> KerasModel:
    model = modelfiles.describe(path)
    assert isinstance(model, KerasModel)
    return model


def test_the_kept_files_are_the_expected_ones() -> None:
    assert {label(path) for path in KEPT} == set(EXPECTED)


@pytest.mark.parametrize("path", KEPT, ids=label)
def test_format_version_and_parameters(path: Path) -> None:
    model = described(path)
    assert (model.format, model.saved_by) == EXPECTED[label(path)]
    assert model.parameters == expected(path, "parameters")
    assert model.warnings == ()


@pytest.mark.parametrize("path", [path for path in KEPT if path.name.startswith("graph")], ids=label)
def test_layer_table_of_a_graph(path: Path) -> None:
    """Layers shared, nested, frozen and stateful count as in Keras's summary; each array counts once."""
    model = described(path)
    table = {
        layer.name: (layer.kind, layer.output_shape, layer.parameters, layer.trainable_parameters)
        for layer in model.walk()
    }
    assert table == GRAPH
    assert list(table) == list(GRAPH)
    assert (model.parameters, model.trainable_parameters, model.non_trainable_parameters) == (227, 198, 29)
    twice = next(layer for layer in model.layers if layer.name == "twice")
    assert twice.inbound == ("global_average_pooling2d", "global_max_pooling2d")


def test_layer_table_of_a_stack() -> None:
    """A stack's input is no layer, as in Keras; each weight has its name, shape, type and bytes."""
    model = described(DATA / "keras-2.15" / "cnn.keras")
    assert model.inputs == ((None, 12, 12, 3),)
    kinds = ["Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Flatten", "Dense", "Dense"]
    assert [layer.kind for layer in model.layers] == kinds
    kernel, bias = model.layers[0].weights
    assert (kernel.name, kernel.shape, kernel.dtype, kernel.nbytes) == ("kernel", (3, 3, 3, 3), "float32", 324)
    assert (bias.name, bias.shape) == ("bias", (3,))


@pytest.mark.parametrize("path", [path for path in KEPT if "_export" not in path.name], ids=label)
def test_optimizer_state_is_counted_apart(path: Path) -> None:
    assert described(path).optimizer_variables > 0


@pytest.mark.parametrize("path", KEPT, ids=label)
def test_weights_are_those_of_the_description(path: Path) -> None:
    arrays = [array for layer in modelfiles.weights(path).values() for array in layer]
    assert sum(array.size for array in arrays) == expected(path, "parameters")
    assert all(np.isfinite(array).all() and not array.flags.writeable for array in arrays)


@pytest.mark.parametrize("path", WITH_ARCHITECTURE, ids=label)
def test_prediction_equals_kerass_own(path: Path) -> None:
    """Answers stored when the file was written, by the Keras that wrote it."""
    np.testing.assert_allclose(predict(path, expected(path, "x")), expected(path, "y"), rtol=0, atol=2e-7)


@pytest.mark.parametrize("path", sorted(set(KEPT) - set(WITH_ARCHITECTURE)), ids=label)
def test_weights_alone_are_described_but_not_computed(path: Path) -> None:
    assert described(path).layers[0].trainable_parameters == 3
    with pytest.raises(ModelFileError, match="no architecture"):
        load(path)


def test_a_file_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    renamed = tmp_path / "notes.txt"
    renamed.write_bytes((DATA / "keras-2.15" / "cnn.keras").read_bytes())
    assert described(renamed).format == "keras"


def test_names_of_exported_variables_make_the_layers() -> None:
    assert list(modelfiles.weights(DATA / "keras-3.15" / "logistic_export")) == ["dense"]
    assert described(DATA / "keras-3.15" / "logistic_export").inputs == ((None, 2),)


def test_describing_imports_neither_tensorflow_nor_h5py() -> None:
    """Every kept file in one fresh process, by the modules that are loaded after it."""
    code = (
        "import sys, modelfiles\n"
        "from modelfiles.forward import load\n"
        f"for path in {[str(path) for path in KEPT]!r}: modelfiles.describe(path), modelfiles.weights(path)\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'tensorflow', 'keras', 'h5py'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
