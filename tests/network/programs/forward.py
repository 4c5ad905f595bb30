"""Carries TCP from a listening address to another one, the same ports on both.

argv: where to listen, where to connect, ports. Prints a line when it listens; ends with its
standard input.
"""

import asyncio
import contextlib
import sys


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def main() -> None:
    listen, target = sys.argv[1:3]

    def forwards(port: int):
        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                far_reader, far_writer = await asyncio.open_connection(target, port)
            except OSError:
                writer.close()
                return
            await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))

        return accepted

    for port in map(int, sys.argv[3:]):
        await asyncio.start_server(forwards(port), listen, port)
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
