"""Rules for single fields, used while typing and again at the border."""

import re
from dataclasses import dataclass

from peerdeck.core.errors import FieldError


@dataclass(frozen=True, slots=True)
class TextRule:
    """Length bounds in characters and a pattern for the whole text.

    words: the rule as a person would say it. required: whether an empty text breaks it.
    """

    field: str
    pattern: re.Pattern[str]
    words: str
    minimum: int = 1
    maximum: int = 256
    required: bool = False

    def check(self, text: str) -> str:
        """Returns `text`, or raises FieldError."""
        if not text:
            if self.required:
                raise FieldError(self.field, text, "is required.")
            return text
        if not self.minimum <= len(text) <= self.maximum:
            raise FieldError(
                self.field,
                text,
                f"has {len(text)} characters; {self.minimum} to {self.maximum} are allowed.",
            )
        if not self.pattern.fullmatch(text):
            raise FieldError(self.field, text, self.words)
        return text

    def problem(self, text: str) -> str:
        """The broken rule for `text` in words, or "" where it is fine."""
        try:
            self.check(text)
        except FieldError as error:
            return f"{error.field} {error.rule}"
        return ""
