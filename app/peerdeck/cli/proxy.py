"""`peerdeck proxy`: one side of a tunnel, with the reference local proxy's arguments."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from peerdeck import __version__
from peerdeck.core.errors import FieldError

if TYPE_CHECKING:
    from peerdeck.cli.proxy_options import Chosen
    from peerdeck.cli.proxy_output import JsonEvents, Lines
    from peerdeck.services.proxying import ProxyService

DESCRIPTION = """\
Run one side of an AWS IoT Secure Tunneling tunnel until Ctrl+C or SIGTERM.
A script that calls the reference's `localproxy` needs only its first word changed."""
EPILOG = """\
environment:
  AWSIOT_TUNNEL_ACCESS_TOKEN, AWSIOT_TUNNEL_CLIENT_TOKEN, AWSIOT_TUNNEL_ENDPOINT,
  AWSIOT_TUNNEL_REGION, HTTPS_PROXY or ALL_PROXY (http, https, socks5), NO_PROXY,
  AWS_CA_BUNDLE (more certificate authorities, where -c is not given)

exit status:
  0  asked to stop, or the connection of --stdio has ended
  1  failed, for instance because the tunnel's services are others
  2  wrong arguments
  3  refused by the service: token used or rotated, tunnel closed
  4  the service or the web proxy cannot be reached
  5  a local port cannot be opened
  6  the connection of --stdio broke

examples:
  peerdeck proxy -r eu-west-1 -s SSH=2222,HTTP=8080
  peerdeck proxy -r eu-west-1 -d SSH=22,APP=/run/app.sock
  ssh -o ProxyCommand='peerdeck proxy -r eu-west-1 --stdio' user@device"""
STATUS = {"failed": 1, "refused": 3, "unreachable": 4, "port": 5, "broken": 6}
USAGE = 2
TICK_S = 1.0


def add_arguments(proxy: argparse.ArgumentParser) -> None:
    from peerdeck.cli.proxy_options import add_reference_arguments

    proxy.add_argument("-V", "--version", action="version", version=f"peerdeck {__version__}")
    add_reference_arguments(proxy.add_argument_group("as of the reference local proxy"))
    more = proxy.add_argument_group("more")
    tokens = more.add_mutually_exclusive_group()
    tokens.add_argument(
        "--token-stdin", action="store_true", help="read the token from standard input"
    )
    tokens.add_argument(
        "--token-from-keyring", metavar="TUNNEL_ID", help="of a tunnel opened in Peerdeck"
    )
    more.add_argument(
        "--stdio",
        action="store_true",
        help="one connection over standard input and output, for ssh's ProxyCommand",
    )
    more.add_argument(
        "--service", metavar="ID", help="of --stdio, where the tunnel has more than one"
    )
    more.add_argument(
        "--when-down",
        choices=("hold", "refuse"),
        default="hold",
        help="new connections while the link is down wait for it, or are refused",
    )
    more.add_argument("--json", action="store_true", help="tell events as JSON, one per line")


def run(options: argparse.Namespace) -> int:
    """Exit status as in EPILOG."""
    from peerdeck.cli.proxy_files import export_defaults
    from peerdeck.cli.proxy_options import Usage, choose, token_from_stdin

    try:
        if options.export_default_settings:
            export_defaults(Path(options.export_default_settings))
            return 0
        if options.token_stdin and options.stdio:
            raise Usage("--token-stdin and --stdio exclude each other: both are of standard input.")
        chosen = choose(options, os.environ, token_from_stdin)
    except (FieldError, Usage, OSError) as error:
        print(f"peerdeck: {error}", file=sys.stderr)
        print("Try 'peerdeck proxy --help' for a list of options.", file=sys.stderr)
        return USAGE
    return _run(chosen, as_json=options.json)


def _run(chosen: "Chosen", *, as_json: bool) -> int:
    from peerdeck.cli.proxy_output import standard_output
    from peerdeck.services.proxying import ProxyFailed
    from peerdeck.wiring import build_proxy

    level = logging.DEBUG if chosen.verbose > 4 else logging.CRITICAL
    logging.basicConfig(stream=sys.stderr, format="peerdeck: %(message)s")
    logging.getLogger("peerdeck").setLevel(level)
    output = standard_output(as_json=as_json, verbose=chosen.verbose, stdio=chosen.request.stdio)
    for warning in chosen.warnings:
        output.warn(warning)
    try:
        asyncio.run(_until_stopped(chosen, output, build_proxy))
    except ProxyFailed as error:
        status = STATUS[error.failure]
        output.fail(error, status)
        return status
    except KeyboardInterrupt:
        return 0
    return 0


async def _until_stopped(
    chosen: "Chosen",
    output: "JsonEvents | Lines",
    build: "Callable[..., ProxyService]",
) -> None:
    """Raises ProxyFailed; SIGINT, SIGTERM and SIGHUP end it in peace."""
    service = build(tell=output.tell)
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    stopped = False
    ticking: asyncio.TimerHandle

    def stop() -> None:
        nonlocal stopped
        stopped = True
        if main is not None:
            main.cancel()

    def tick() -> None:
        nonlocal ticking
        output.tick(service.link)
        ticking = loop.call_later(TICK_S, tick)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        with contextlib.suppress(NotImplementedError, AttributeError):  # Windows
            loop.add_signal_handler(getattr(signal, name), stop)
    ticking = loop.call_later(TICK_S, tick)
    try:
        await service.run(chosen.request)
    except asyncio.CancelledError:
        if not stopped:
            raise
    finally:
        ticking.cancel()
