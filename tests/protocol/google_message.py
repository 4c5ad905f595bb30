"""The tunnel's Message as Google's protobuf knows it; built at run time, no generated code."""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
_FIELDS = (
    ("type", 1, _FIELD.TYPE_ENUM, _FIELD.LABEL_OPTIONAL),
    ("streamId", 2, _FIELD.TYPE_INT32, _FIELD.LABEL_OPTIONAL),
    ("ignorable", 3, _FIELD.TYPE_BOOL, _FIELD.LABEL_OPTIONAL),
    ("payload", 4, _FIELD.TYPE_BYTES, _FIELD.LABEL_OPTIONAL),
    ("serviceId", 5, _FIELD.TYPE_STRING, _FIELD.LABEL_OPTIONAL),
    ("availableServiceIds", 6, _FIELD.TYPE_STRING, _FIELD.LABEL_REPEATED),
    ("connectionId", 7, _FIELD.TYPE_UINT32, _FIELD.LABEL_OPTIONAL),
)
_TYPES = [
    "UNKNOWN",
    "DATA",
    "STREAM_START",
    "STREAM_RESET",
    "SESSION_RESET",
    "SERVICE_IDS",
    "CONNECTION_START",
    "CONNECTION_RESET",
]


def _make() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="securedtunneling.proto", package="securedtunneling", syntax="proto3"
    )
    message = file.message_type.add(name="Message")
    kinds = message.enum_type.add(name="Type")
    for number, name in enumerate(_TYPES):
        kinds.value.add(name=name, number=number)
    for name, number, kind, label in _FIELDS:
        field = message.field.add(name=name, number=number, type=kind, label=label)
        if kind == _FIELD.TYPE_ENUM:
            field.type_name = ".securedtunneling.Message.Type"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("securedtunneling.Message"))


GoogleMessage = _make()
