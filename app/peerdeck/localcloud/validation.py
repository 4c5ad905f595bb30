"""Request fields against the shapes of botocore's models, with the words that AWS has for it."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.model import Shape

# ASCII stand-ins for Unicode categories; see _matches().
_CATEGORIES = {"L": "a-zA-Z", "N": "0-9", "Z": " ", "C": r"\x00-\x1f\x7f"}
_STAND_INS = {"L": "a", "N": "0", "Z": " ", "C": "\0"}
_PROPERTY = re.compile(r"\\p\{([LNZC])\}")
_MAX_SHOWN = 200


class WrongTypeError(Exception):
    """A JSON value of another type than the field has; the message is the deserializer's."""


class InvalidFieldsError(Exception):
    """Fields that break constraints; the message lists every one of them."""


def check(shape: "Shape", value: Any) -> dict[str, Any]:
    """Returns the fields that the shape has, dropping unknown ones as AWS does.

    Raises WrongTypeError for the first value of a wrong type, else InvalidFieldsError for every
    broken constraint.
    """
    fields = _typed(shape, value)
    problems = list(_problems(shape, fields, ""))
    if problems:
        count = len(problems)
        plural = "" if count == 1 else "s"
        raise InvalidFieldsError(
            f"{count} validation error{plural} detected: {'; '.join(problems)}"
        )
    assert isinstance(fields, dict)  # noqa: S101 - an operation's input is a structure
    return fields


def _typed(shape: "Shape", value: Any) -> Any:
    match shape.type_name:
        case "structure":
            _expect(isinstance(value, dict), value, "a structure")
            members: Mapping[str, Shape] = shape.members  # type: ignore[attr-defined]
            return {
                name: _typed(members[name], item)
                for name, item in value.items()
                if name in members and item is not None
            }
        case "list":
            _expect(isinstance(value, list), value, "a list")
            return [_typed(shape.member, item) for item in value]  # type: ignore[attr-defined]
        case "integer" | "long":
            _expect(isinstance(value, int) and not isinstance(value, bool), value, "an Integer")
        case "boolean":
            _expect(isinstance(value, bool), value, "a Boolean")
        case "string":
            _expect(isinstance(value, str), value, "a String")
        case other:
            raise NotImplementedError(f"no operation here takes a {other}")
    return value


def _expect(fits: bool, value: Any, wanted: str) -> None:
    if fits:
        return
    names: dict[type, str] = {bool: "BOOLEAN_VALUE", str: "STRING_VALUE", dict: "START_OBJECT"}
    names |= {list: "START_ARRAY", int: "NUMBER_VALUE", float: "NUMBER_VALUE"}
    raise WrongTypeError(f"{names.get(type(value), 'NULL_VALUE')} can not be converted to {wanted}")


def _problems(shape: "Shape", value: Any, path: str) -> Iterator[str]:
    match shape.type_name:
        case "structure":
            required = shape.metadata.get("required", ())
            for name, member in shape.members.items():  # type: ignore[attr-defined]
                where = f"{path}.{_field(name)}" if path else _field(name)
                if name in value:
                    yield from _problems(member, value[name], where)
                elif name in required:
                    yield _words("null", where, "Member must not be null")
        case "list":
            yield from _length_problems(shape, value, path)
            for number, item in enumerate(value, 1):
                yield from _problems(shape.member, item, f"{path}.{number}.member")  # type: ignore[attr-defined]
        case "string":
            yield from _text_problems(shape, value, path)
        case "integer" | "long":
            yield from _bound_problems(shape, value, value, path, "value")


def _text_problems(shape: "Shape", text: str, path: str) -> Iterator[str]:
    choices = shape.metadata.get("enum")
    if choices and text not in choices:
        constraint = f"Member must satisfy enum value set: [{', '.join(sorted(choices))}]"
        yield _words(text, path, constraint)
        return
    yield from _length_problems(shape, text, path)
    pattern = shape.metadata.get("pattern")
    if pattern and not _matches(pattern, text):
        constraint = f"Member must satisfy regular expression pattern: {pattern}"
        yield _words(text, path, constraint)


def _length_problems(shape: "Shape", value: Any, path: str) -> Iterator[str]:
    yield from _bound_problems(shape, len(value), value, path, "length")


def _bound_problems(shape: "Shape", size: int, value: Any, path: str, what: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield _words(value, path, f"Member must have {what} greater than or equal to {least}")
    if most is not None and size > most:
        yield _words(value, path, f"Member must have {what} less than or equal to {most}")


def _words(value: Any, path: str, constraint: str) -> str:
    shown = str(value)
    shown = shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}..."
    quoted = shown if shown == "null" else f"'{shown}'"
    return f"Value {quoted} at '{path}' failed to satisfy constraint: {constraint}"


def _field(name: str) -> str:
    return name[0].lower() + name[1:]


def _matches(pattern: str, text: str) -> bool:
    r"""Whether the whole text fits a Java pattern of the models.

    Python's re has no \p{L}. Every other character in the models' sets is ASCII, so each non-ASCII
    character of the text is replaced by an ASCII one of its category before matching.
    """
    regex, needs_stand_ins = _compiled(pattern)
    plain = "".join(map(_stand_in, text)) if needs_stand_ins and not text.isascii() else text
    return regex(plain) is not None


@cache
def _compiled(pattern: str) -> tuple[Callable[[str], re.Match[str] | None], bool]:
    translated = _PROPERTY.sub(lambda match: _CATEGORIES[match[1]], pattern)
    # ASCII: \d is 0-9 in Java; in Python it is every script's digits.
    return re.compile(translated, re.ASCII).fullmatch, translated != pattern


def _stand_in(character: str) -> str:
    if character.isascii():
        return character
    # "!" stands for marks, punctuation and symbols: no set of the models has it.
    return _STAND_INS.get(unicodedata.category(character)[0], "!")
