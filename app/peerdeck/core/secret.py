"""Text that must never be seen by accident."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """A token, password or key. `repr` and `str` hide it, pickling is refused."""

    _text: str = field(repr=False)

    def reveal(self) -> str:
        """The text itself, for the one call that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not pickled")
