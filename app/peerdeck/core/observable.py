"""One value and those who want to hear of its changes; knows no Qt and no loop."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Observable(Generic[T]):
    """Holds an immutable snapshot; subscribers are called at once, in order."""

    def __init__(self, value: T) -> None:
        self._value = value
        self._subscribers: dict[object, Callable[[T], None]] = {}

    @property
    def value(self) -> T:
        return self._value

    def publish(self, value: T) -> None:
        """Replaces the value; an equal one is not announced."""
        if value == self._value:
            return
        self._value = value
        for subscriber in tuple(self._subscribers.values()):
            subscriber(value)

    def subscribe(self, subscriber: Callable[[T], None]) -> Callable[[], None]:
        """Calls `subscriber` with every later value; the result unsubscribes (idempotent)."""
        key = object()
        self._subscribers[key] = subscriber

        def unsubscribe() -> None:
            self._subscribers.pop(key, None)

        return unsubscribe

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)
