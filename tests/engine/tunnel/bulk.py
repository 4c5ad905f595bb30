"""Large transfers whose every byte is known, and what they cost in memory."""

import asyncio
import hashlib

import psutil

MIB = 1024 * 1024
BULK = 64 * MIB
BLOCK = bytes(range(251)) * 1024


def blocks(size: int):
    while size > 0:
        yield BLOCK[:size]
        size -= len(BLOCK)


def digest_of(size: int) -> str:
    digest = hashlib.sha256()
    for block in blocks(size):
        digest.update(block)
    return digest.hexdigest()


async def pour(writer: asyncio.StreamWriter, size: int) -> None:
    for block in blocks(size):
        writer.write(block)
        await writer.drain()


async def give(writer: asyncio.StreamWriter, size: int) -> None:
    """A server's whole answer; `Server` aborts what is still under way when it returns."""
    await pour(writer, size)
    writer.close()
    await writer.wait_closed()


async def swallow(reader: asyncio.StreamReader, size: int) -> str:
    digest = hashlib.sha256()
    while size > 0:
        data = await reader.read(min(size, MIB))
        assert data
        digest.update(data)
        size -= len(data)
    return digest.hexdigest()


class PeakMemory:
    """Samples this process's resident set while the loop runs."""

    async def __aenter__(self):
        self._process = psutil.Process()
        self._start = self.peak = self._process.memory_info().rss
        self._task = asyncio.get_running_loop().create_task(self._sample())
        return self

    async def _sample(self):
        while True:
            self.peak = max(self.peak, self._process.memory_info().rss)
            await asyncio.sleep(0.01)

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.wait({self._task})

    @property
    def growth(self) -> int:
        return self.peak - self._start
