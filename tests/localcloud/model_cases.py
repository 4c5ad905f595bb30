"""Requests that walk botocore's models: for every member, values that fit and values that do not.

Independent of the validation under test: which texts fit a pattern is written down here by hand.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

ARN = "arn:aws:kinesisvideo:eu-west-1:111122223333:channel/{}/1700000000000"
SERVED = {
    "kinesisvideo": (
        "CreateSignalingChannel", "DescribeSignalingChannel", "ListSignalingChannels",
        "UpdateSignalingChannel", "DeleteSignalingChannel", "GetSignalingChannelEndpoint",
        "TagResource", "UntagResource", "ListTagsForResource",
        "DescribeMediaStorageConfiguration", "UpdateMediaStorageConfiguration",
    ),
    "kinesis-video-signaling": ("GetIceServerConfig", "SendAlexaOfferToMaster"),
    "kinesis-video-webrtc-storage": ("JoinStorageSession", "JoinStorageSessionAsViewer"),
    "iotsecuretunneling": (
        "OpenTunnel", "CloseTunnel", "DescribeTunnel", "ListTunnels", "RotateTunnelAccessToken",
        "TagResource", "UntagResource", "ListTagsForResource",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Texts:
    """What a pattern takes: `frame` with any number of `filler` in it; what it does not take.

    most: a length that the pattern itself sets.
    """

    frame: str
    filler: str
    breakers: tuple[str, ...]
    least: int = 0
    most: int | None = None

    def of_length(self, length: int) -> str | None:
        room = length - len(self.frame.replace("{}", ""))
        return self.frame.format(self.filler * room) if room >= 0 else None


def _of_partition(name: str) -> str:
    return ARN.format("x").replace("aws", name, 1)


_ARN_BREAKERS = (
    "arn:aws:kinesisvideo:eu-west-1:111122223333:channel/x",
    "arn:aws:kinesisvideo:eu-west-1::channel/x/1",
    "arn:aws:kinesisvideo:EU:1:channel/x/1",
    "arn:aws:kinesisvideo:eu-west-1:1:channel/x y/1",
    "arn:aws:s3:eu-west-1:1:channel/x/1",
    " " + ARN.format("x"),
    ARN.format("x") + "\n",
    ARN.format("x") + "/",
    ARN.format("x").replace("1700000000000", "\u0661"),  # a digit, but not of ASCII
)
_ARN_PARTS = "kinesisvideo:[a-z0-9-]+:[0-9]+:[a-z]+/[a-zA-Z0-9_.-]+/[0-9]+"
_NAME = Texts("{}", "a", ("a b", "a!", "\u00e4", "a\n", "a/b", "a:b"), 1)
_TAG = Texts("{}", "\u00e9", ("a!", "a\n", "\u20ac", "a\\", "\U0001f600", "\u200b"))
PATTERNS = {
    "[a-zA-Z0-9+/=]*": Texts("{}", "A", ("a b", "a-b", "\u00e4", "a\n")),
    "[a-zA-Z0-9+/=]+": Texts("{}", "A", ("a b", "a-b", "\u00e4", "a\n"), 1),
    "[a-zA-Z0-9_.-]+": _NAME,
    "^[a-zA-Z0-9_.-]+$": _NAME,
    "[a-zA-Z0-9]+": Texts("{}", "A", ("a b", "a_b", "\u00e4", "a\n"), 1),
    "[a-zA-Z0-9:_-]+": Texts("{}", "a", ("a b", "a.b", "\u00e4", "a\n"), 1),
    "[a-zA-Z0-9_\\-+=:]{1,128}": Texts("{}", "a", ("a b", "a.b", "a\n"), 1, 128),
    "[a-zA-Z0-9_=-]{1,4096}": Texts("{}", "a", ("a b", "a+b", "a\n"), 1, 4096),
    "[^\\p{C}]{1,2048}": Texts("{}", "\u20ac", ("a\nb", "\x7f", "\u200b", "\ud800"), 1, 2048),
    "^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$": _TAG,
    "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*": _TAG,
    f"arn:[a-z\\d-]+:{_ARN_PARTS}": Texts(ARN, "a", (*_ARN_BREAKERS, _of_partition("\u0661"))),
    f"arn:aws:{_ARN_PARTS}": Texts(ARN, "a", (*_ARN_BREAKERS, _of_partition("aws-cn"))),
    f"^arn:(aws[a-zA-Z-]*):{_ARN_PARTS}$": Texts(
        ARN, "a", (*_ARN_BREAKERS, _of_partition("sws"))
    ),
}  # fmt: skip
_PLAIN = Texts("{}", "a", ())
_WRONG = {
    "string": (5, 1.5, True, [], {}),
    "integer": ("5", 1.5, True, [], {}, 1e300),
    "boolean": ("true", 1, [], {}),
    "list": ("x", 5, False, {}),
    "structure": ("x", 5, False, []),
}
_WRONG["long"] = _WRONG["integer"]


@dataclass(frozen=True, slots=True)
class Case:
    """fields: the request. broken: "" where every constraint holds, else "type" or what breaks.

    path: the member as AWS names it in its message.
    """

    fields: dict[str, Any]
    path: str
    broken: str


@dataclass(frozen=True, slots=True)
class Member:
    """A member anywhere in a request. keys: how to come to it; 0 stands for a list's first item."""

    service: str
    operation: str
    keys: tuple[str | int, ...]
    shape: Shape
    required: bool

    @property
    def name(self) -> str:
        return f"{self.service}.{self.operation}." + ".".join(map(str, self.keys))


@cache
def operation_model(service: str, operation: str) -> OperationModel:
    data = Loader().load_service_model(service, "service-2")
    return ServiceModel(data, service_name=service).operation_model(operation)


def members() -> list[Member]:
    """Every member of every request."""
    found = []
    for service, operations in SERVED.items():
        for operation in operations:
            shape = operation_model(service, operation).input_shape
            if shape is not None:
                found += [
                    Member(service, operation, keys, member, required)
                    for keys, member, required in _walk(shape, ())
                ]
    return found


def cases(member: Member) -> Iterator[Case]:
    model = operation_model(member.service, member.operation).input_shape
    assert model is not None
    path = ".".join(_path(member.keys))

    def request(value: Any) -> dict[str, Any]:
        return _planted(model, member.keys, value)

    for value in _WRONG[member.shape.type_name]:
        yield Case(request(value), path, "type")
    for value in _fitting(member.shape):
        yield Case(request(value), path, "")
    for value, why in _breaking(member.shape):
        yield Case(request(value), path, why)
    if member.required:
        yield Case(_planted(model, member.keys, None), path, "null")
    else:
        yield Case(_planted(model, member.keys, None), path, "")


def _walk(
    shape: Shape, keys: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Shape, bool]]:
    if shape.type_name == "structure":
        required = shape.metadata.get("required", ())
        for name, member in shape.members.items():  # type: ignore[attr-defined]
            yield (*keys, name), member, name in required
            yield from _walk(member, (*keys, name))
    elif shape.type_name == "list":
        item = shape.member  # type: ignore[attr-defined]
        if item.type_name == "structure":
            yield from _walk(item, (*keys, 0))
        else:
            yield (*keys, 0), item, False
            yield from _walk(item, (*keys, 0))


def _path(keys: tuple[str | int, ...]) -> Iterator[str]:
    for key in keys:
        if isinstance(key, int):
            yield "1.member"
        else:
            yield key[0].lower() + key[1:]


def _valid(shape: Shape) -> Any:
    """The smallest value that fits."""
    match shape.type_name:
        case "structure":
            required = shape.metadata.get("required", ())
            found = shape.members.items()  # type: ignore[attr-defined]
            return {name: _valid(member) for name, member in found if name in required}
        case "list":
            return [_valid(shape.member)]  # type: ignore[attr-defined]
        case "integer" | "long":
            return shape.metadata.get("min", 1)
        case "boolean":
            return False
    if "enum" in shape.metadata:
        return shape.metadata["enum"][0]
    texts = _texts(shape)
    return texts.of_length(max(1, len(texts.frame)))


def _texts(shape: Shape) -> Texts:
    pattern = shape.metadata.get("pattern")
    return PATTERNS[pattern] if pattern else _PLAIN


def _fitting(shape: Shape) -> Iterator[Any]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    match shape.type_name:
        case "integer" | "long":
            yield from (bound for bound in (least, most) if bound is not None)
        case "boolean":
            yield from (True, False)
        case "list":
            item = _valid(shape.member)  # type: ignore[attr-defined]
            yield from ([item] * bound for bound in (least, most) if bound is not None)
        case "string" if "enum" in shape.metadata:
            yield from shape.metadata["enum"]
        case "string":
            texts = _texts(shape)
            for bound in (least, texts.least, most, texts.most):
                text = None if bound is None else texts.of_length(bound)
                if text is not None and not (least and len(text) < least):
                    yield text


def _breaking(shape: Shape) -> Iterator[tuple[Any, str]]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    match shape.type_name:
        case "integer" | "long":
            if least is not None:
                yield least - 1, f"value greater than or equal to {least}"
            if most is not None:
                yield most + 1, f"value less than or equal to {most}"
                yield 2**31 - 1, f"value less than or equal to {most}"
        case "list":
            item = _valid(shape.member)  # type: ignore[attr-defined]
            if least:
                yield [item] * (least - 1), f"length greater than or equal to {least}"
            if most is not None:
                yield [item] * (most + 1), f"length less than or equal to {most}"
        case "string" if "enum" in shape.metadata:
            for value in ("", "NONSENSE", shape.metadata["enum"][0].lower()):
                yield value, "enum value set"
        case "string":
            yield from _breaking_texts(shape, least, most)


def _breaking_texts(shape: Shape, least: int | None, most: int | None) -> Iterator[tuple[str, str]]:
    texts = _texts(shape)
    if least:
        yield texts.filler * (least - 1), f"length greater than or equal to {least}"
    if most is not None:
        yield str(texts.of_length(most + 1)), f"length less than or equal to {most}"
    if texts.most is not None:
        yield str(texts.of_length(texts.most + 1)), "regular expression pattern"
    if texts.least:
        yield "", "regular expression pattern"
    for breaker in texts.breakers:
        yield breaker, "regular expression pattern"


def _planted(model: Shape, keys: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """A valid request with `value` in the member's place; None takes the member out."""
    fields: dict[str, Any] = copy.deepcopy(_valid(model))
    place: Any = fields
    shape = model
    for key in keys[:-1]:
        if isinstance(key, int):
            shape = shape.member  # type: ignore[attr-defined]
        else:
            shape = shape.members[key]  # type: ignore[attr-defined]
            place.setdefault(key, _valid(shape))
        place = place[key]
    last = keys[-1]
    if value is None and isinstance(last, str):
        place.pop(last, None)
    elif value is not None:
        place[last] = value
    return fields
