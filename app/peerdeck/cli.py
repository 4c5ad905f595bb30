"""The command line: the window's options, and the services without a window."""

import argparse
import asyncio
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from peerdeck import __version__


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Ends the process with status 2 and a usage line where `arguments` are wrong."""
    parser = argparse.ArgumentParser(
        prog="peerdeck",
        description="Console for Kinesis Video Streams WebRTC and AWS IoT Secure Tunneling.",
    )
    parser.add_argument("--version", action="version", version=f"peerdeck {__version__}")
    parser.add_argument(
        "--demo", action="store_true", help="show everything on a cloud of our own, no account"
    )
    parser.add_argument(
        "--tour",
        nargs="?",
        metavar="DIRECTORY",
        type=Path,
        const=Path(tempfile.gettempdir()) / "peerdeck-tour",
        help="with --demo: drive the window through every step and write a PNG of each page",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    local = commands.add_parser("localcloud", help="run the local cloud in the foreground")
    local.add_argument("--port", type=_port, default=0, help="HTTP port; a free one by default")
    local.add_argument(
        "--devices", action="store_true", help="with the demo's camera and devices on it"
    )
    local.add_argument(
        "--until-eof",
        action="store_true",
        help="print one JSON line when ready and stop when standard input ends",
    )
    options = parser.parse_args(arguments)
    if options.tour and not options.demo:
        parser.error("--tour needs --demo")
    return options


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port < 65536:
        raise argparse.ArgumentTypeError(f"port “{text}” must be 0 to 65535")
    return port


def _local_cloud(options: argparse.Namespace) -> int:
    from peerdeck.wiring import run_local_cloud

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)

    def ready(environment: dict[str, str], regions: tuple[str, ...]) -> None:
        if options.until_eof:
            print(json.dumps({"environment": environment, "regions": regions}), flush=True)
            return
        for name, value in environment.items():
            print(f"export {name}={value}")
        print(f"# regions: {', '.join(regions)}; stop with Ctrl+C", flush=True)

    standard_input = os.fdopen(os.dup(sys.stdin.fileno()), "rb") if options.until_eof else None
    try:
        asyncio.run(
            run_local_cloud(
                port=options.port, devices=options.devices, ready=ready, until_eof=standard_input
            )
        )
    except OSError as error:
        print(f"peerdeck: the local cloud could not start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {"localcloud": _local_cloud}
