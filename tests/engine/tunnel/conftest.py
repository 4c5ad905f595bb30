"""Every tunnel here ends with no task and no descriptor of its own."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import psutil
import pytest
from tests.engine.tunnel.tunnel_chain import QUICK, Chain, until

from peerdeck.engine.tunnel import Limits


@pytest.fixture(autouse=True)
async def _nothing_is_left() -> AsyncIterator[None]:
    process = psutil.Process()
    gc.collect()
    descriptors = process.num_fds()
    yield
    gc.collect()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await until(lambda: process.num_fds() <= descriptors, 1)  # transports close in the next turns


@pytest.fixture
async def chain(_nothing_is_left: None) -> AsyncIterator[Callable[..., Awaitable[Chain]]]:
    """`await chain(ssh=port, …)`; everything is closed at the end."""
    async with AsyncExitStack() as stack:

        async def make(limits: Limits = QUICK, **services: int) -> Chain:
            made = Chain(stack, services, limits=limits)
            await made.open()
            return made

        yield make
