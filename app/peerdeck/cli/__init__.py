"""The command line: the window's options, and the services without a window.

    localcloud.py      `peerdeck localcloud`
    proxy.py           `peerdeck proxy`: runs a local proxy until it is asked to stop
    proxy_options.py   its arguments, over its files, over the environment
    proxy_files.py     the reference proxy's files: --config, --config-dir, --settings-json
    proxy_output.py    what it says: a line on a terminal, lines in a log, JSON events

In: arguments and the environment. Out: text, and an exit status that tells kinds of ends apart.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from peerdeck import __version__
from peerdeck.cli import localcloud, proxy


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
    localcloud.add_arguments(
        commands.add_parser("localcloud", help="run the local cloud in the foreground")
    )
    proxy.add_arguments(
        commands.add_parser(
            "proxy",
            help="run one side of a tunnel, with the reference local proxy's arguments",
            description=proxy.DESCRIPTION,
            epilog=proxy.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    options = parser.parse_args(arguments)
    if options.tour and not options.demo:
        parser.error("--tour needs --demo")
    return options


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "localcloud": localcloud.run,
    "proxy": proxy.run,
}
