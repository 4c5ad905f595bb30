"""Errors that people see."""


class UserError(Exception):
    """What happened, and what to do next; safe to show, never holds a secret.

    title: one sentence, what happened and why. remedy: what to do next. detail: the other side's
    own words (status, body, error code), for the curious and for support.
    """

    def __init__(self, title: str, remedy: str, *, detail: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.remedy = remedy
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.title} {self.remedy}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UserError):
            return NotImplemented
        return (self.title, self.remedy, self.detail) == (other.title, other.remedy, other.detail)

    def __hash__(self) -> int:
        return hash((self.title, self.remedy, self.detail))


class FieldError(ValueError):
    """A value that breaks a rule: names the field, the value and the rule."""

    def __init__(self, field: str, value: str, rule: str) -> None:
        shown = value if len(value) <= 60 else f"{value[:57]}…"
        super().__init__(f"{field} “{shown}”: {rule}")
        self.field = field
        self.value = value
        self.rule = rule
