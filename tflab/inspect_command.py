"""`tflab inspect`: what a model file is, told without TensorFlow and without running it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tflab.errors import Unusable


@click.command(epilog="\b\nExample:\n  tflab inspect out/reference/cifar10_cnn_model_quantized.tflite --json")
@click.argument("model_file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the whole description as JSON, and nothing else.")
def inspect_command(model_file: Path, as_json: bool) -> None:
    """Say what MODEL_FILE is: .keras, .h5, a SavedModel folder or .tflite, told by its content.

    Layers or operators, parameters, tensors with types and bytes, quantization, by which Keras it was saved. The
    file is read as data: nothing in it is run. Exits with 2 when it is no model that can be read.
    """
    from modelfiles import ModelFileError, describe
    from modelfiles.render import printable, to_dict, to_renderable

    try:
        model = describe(model_file)
    except ModelFileError as error:
        raise Unusable(printable(str(error))) from error
    if as_json:
        click.echo(json.dumps(to_dict(model), allow_nan=False, indent=2))
        return
    from rich.console import Console

    Console(markup=False, highlight=False, emoji=False).print(to_renderable(model))
