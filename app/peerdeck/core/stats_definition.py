"""One definition of a member of a statistics report."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "text", "flag"]


@dataclass(frozen=True, slots=True)
class Definition:
    """kind: a counter only grows, so its rate is what tells; a gauge is what it is now.

    unit: "bytes", "s", "frames/s" …, "" for numbers without one, texts and flags. words: one
    sentence for people, "" where there is no definition.
    """

    unit: str
    kind: Kind
    words: str


def counter(unit: str, words: str) -> Definition:
    return Definition(unit, "counter", words)


def gauge(unit: str, words: str) -> Definition:
    return Definition(unit, "gauge", words)


def text(words: str) -> Definition:
    return Definition("", "text", words)


def flag(words: str) -> Definition:
    return Definition("", "flag", words)
