"""Waiting for what is to come; never for time to pass."""

import asyncio
from collections.abc import Callable
from typing import Any

from peerdeck.core.observable import Observable

BOUND_S = 20.0


async def until(observable: Observable[Any], condition: Callable[[Any], object]) -> Any:
    """The first value, now or later, for which `condition` holds; TimeoutError after BOUND_S."""
    found = asyncio.get_running_loop().create_future()

    def look(value: object) -> None:
        if not found.done() and condition(value):
            found.set_result(value)

    leave = observable.subscribe(look)
    try:
        look(observable.value)
        async with asyncio.timeout(BOUND_S):
            return await found
    finally:
        leave()
