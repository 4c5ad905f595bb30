"""Ports and targets by service, as the reference proxy's `-s` and `-d` write them."""

from collections.abc import Callable
from typing import TypeVar

from peerdeck.core.errors import FieldError
from peerdeck.core.tunnel import SERVICE_NAME, Target

_T = TypeVar("_T")


def parse_ports(text: str) -> dict[str, int]:
    """ "5555" or "SSH=2222,HTTP=8080"; "" is the service of a bare port. Raises FieldError."""
    return _mapping("Source port", text, port)


def parse_targets(text: str) -> dict[str, Target]:
    """ "22", "host:22", "/run/app.sock", or "SSH=22,HTTP=10.0.0.1:80,APP=/run/app.sock"."""
    return _mapping("Destination", text, target)


def _mapping(field: str, text: str, parse: Callable[[str], _T]) -> dict[str, _T]:
    items = [item.strip() for item in text.split(",") if item.strip()]
    if len(items) == 1 and "=" not in items[0]:
        return {"": parse(items[0])}
    found: dict[str, _T] = {}
    for item in items:
        service, equals, value = (part.strip() for part in item.partition("="))
        if not service or not equals or not value:
            raise FieldError(field, item, "must look like SSH=5555,HTTP=8080.")
        found.setdefault(SERVICE_NAME.check(service), parse(value))
    if not found:
        raise FieldError(field, text, "names no port.")
    return found


def port(text: str) -> int:
    """1 to 65535, or 0 for any free one. Raises FieldError."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else -1
    if not 0 <= number < 65536:
        raise FieldError("Port", text, "must be 0 to 65535.")
    return number


def target(text: str) -> Target:
    """Anything with a slash is a unix socket's path; a bare port is this machine's."""
    if "/" in text:
        return text
    host, colon, number = text.rpartition(":")
    if colon and not host:
        raise FieldError("Destination", text, "must look like 22, host:22 or /run/app.sock.")
    if not colon and not text.isdecimal():
        raise FieldError("Destination", text, "needs a port: host:22.")
    if ":" in host and not host.startswith("["):
        raise FieldError("Destination", text, "an IPv6 address stands in brackets: [::1]:22.")
    if not (wanted := port(number)):
        raise FieldError("Port", number, "must be 1 to 65535.")
    return (host.strip("[]") or "localhost", wanted)
