"""The protocol buffers of a SavedModel, as far as they are read here; all other fields are passed over.

Built in a descriptor pool of their own, so that they neither need TensorFlow's generated modules nor clash with
them. Source of names and numbers: tensorflow/core/protobuf (saved_model, meta_graph, trackable_object_graph,
tensor_bundle), tensorflow/core/framework (graph, function, node_def, tensor_shape) and keras/protobuf
(saved_metadata).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from modelfiles.errors import ModelFileError

_PACKAGE = "tflab.modelfiles"
_SCHEMA = {  # message: field: (number, type or message; "*" before it where the field is repeated)
    "SavedModel": {"meta_graphs": (2, "*MetaGraph")},
    "MetaGraph": {"info": (1, "MetaInfo"), "graph": (2, "Graph"), "signatures": (5, "*SignatureEntry")},
    "MetaInfo": {"tensorflow_version": (5, "string")},
    "Graph": {"nodes": (1, "*Operation"), "library": (2, "Library")},
    "Library": {"functions": (1, "*Function")},
    "Function": {"nodes": (3, "*Operation")},
    "Operation": {"op": (2, "string")},
    "SignatureEntry": {"key": (1, "string"), "value": (2, "Signature")},
    "Signature": {"inputs": (1, "*TensorEntry")},
    "TensorEntry": {"key": (1, "string"), "value": (2, "TensorInfo")},
    "TensorInfo": {"shape": (3, "Shape")},
    "Shape": {"dims": (2, "*Dimension"), "unknown_rank": (3, "bool")},
    "Dimension": {"size": (1, "int64")},
    "ObjectGraph": {"nodes": (1, "*TrackedObject")},
    "TrackedObject": {"children": (1, "*Child"), "attributes": (2, "*SavedAttribute")},
    "Child": {"node_id": (1, "int32"), "local_name": (2, "string")},
    "SavedAttribute": {"name": (1, "string"), "full_name": (2, "string"), "checkpoint_key": (3, "string")},
    "BundleHeader": {"num_shards": (1, "int32"), "endianness": (2, "int32")},
    "BundleEntry": {
        "dtype": (1, "int32"),
        "shape": (2, "Shape"),
        "shard_id": (3, "int32"),
        "offset": (4, "int64"),
        "size": (5, "int64"),
        "slices": (7, "*Slice"),
    },
    "Slice": {},
    "SavedMetadata": {"nodes": (1, "*MetadataNode")},
    "MetadataNode": {"node_path": (3, "string"), "metadata": (5, "string")},
}


@cache
def _messages() -> dict[str, Any]:
    """Message classes by name."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="modelfiles.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for field_name, (number, kind) in fields.items():
            kind, repeated = kind.lstrip("*"), kind.startswith("*")
            entry = message.field.add(name=field_name, number=number)
            entry.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            if kind in _SCHEMA:
                entry.type, entry.type_name = field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                entry.type = field.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _SCHEMA
    }


def parse(name: str, data: bytes, what: str | Path) -> Any:
    """The message of that name in the bytes; ModelFileError where they are none."""
    message = _messages()[name]()
    try:
        message.ParseFromString(data)
    except (DecodeError, UnicodeDecodeError, ValueError):
        raise ModelFileError(f"damaged: {what} in it is no valid protocol buffer.") from None
    return message
