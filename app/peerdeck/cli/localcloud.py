"""`peerdeck localcloud`: the local cloud in the foreground."""

import argparse
import asyncio
import json
import logging
import os
import shlex
import sys
from pathlib import Path

from peerdeck.core.errors import FieldError, UserError

PORTS = {
    "http": "HTTP and signaling",
    "https": "the same with TLS",
    "relay": "tunnels",
    "relays": "tunnels with TLS",
    "turn": "STUN and TURN, UDP and TCP",
    "turns": "TURN with TLS",
    "turn2": "the second TURN server",
    "turns2": "the same with TLS",
}
REQUEST_LOG = "peerdeck.localcloud.requests"


def add_arguments(local: argparse.ArgumentParser) -> None:
    local.add_argument("--port", type=_port, default=0, help="HTTP port; a free one by default")
    for name, what in PORTS.items():
        if name != "http":
            local.add_argument(
                f"--{name}-port", type=_port, default=0, metavar="PORT", help=f"for {what}"
            )
    local.add_argument(
        "--host",
        default="127.0.0.1",
        help="this machine's IPv4 address to listen on; loopback by default",
    )
    local.add_argument(
        "--region",
        action="append",
        default=[],
        metavar="REGION",
        help="a region to offer; may be repeated",
    )
    local.add_argument(
        "--seed", type=Path, metavar="FILE", help="YAML or JSON of channels, things and tunnels"
    )
    local.add_argument(
        "--state", type=Path, metavar="DIRECTORY", help="keep everything there across restarts"
    )
    local.add_argument(
        "--tls", action="store_true", help="offer https and wss (both kinds always listen)"
    )
    local.add_argument(
        "--request-log", metavar="FILE", help="one line for each request; “-” for standard error"
    )
    local.add_argument(
        "--devices", action="store_true", help="with the demo's camera and devices on it"
    )
    local.add_argument(
        "--until-eof",
        action="store_true",
        help="print one JSON line when ready and stop when standard input ends",
    )


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port < 65536:
        raise argparse.ArgumentTypeError(f"port “{text}” must be 0 to 65535")
    return port


def run(options: argparse.Namespace) -> int:
    """Status 2 for a wrong option or seed, 1 for what stands in the way."""
    try:
        logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
        if options.request_log:
            _log_requests(options.request_log)
        asyncio.run(_run_local_cloud(options))
    except (FieldError, UserError) as error:
        print(f"peerdeck: {error}", file=sys.stderr)
        return 2 if isinstance(error, FieldError) else 1
    except OSError as error:
        print(f"peerdeck: the local cloud could not start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


async def _run_local_cloud(options: argparse.Namespace) -> None:
    from peerdeck.wiring import run_local_cloud

    def ready(
        environment: dict[str, str], regions: tuple[str, ...], explanations: tuple[str, ...]
    ) -> None:
        if options.until_eof:
            print(json.dumps({"environment": environment, "regions": regions}), flush=True)
            return
        for name, value in environment.items():
            print(f"export {name}={shlex.quote(value)}")
        for line in explanations:
            print(f"# {line}")
        print(f"# regions: {', '.join(regions)}; stop with Ctrl+C", flush=True)

    if not options.host.startswith("127."):
        print(f"peerdeck: {options.host} can be reached by others, too.", file=sys.stderr)
    await run_local_cloud(
        host=options.host,
        ports={"http": options.port}
        | {name: getattr(options, f"{name}_port") for name in PORTS if name != "http"},
        regions=tuple(dict.fromkeys(options.region)),
        seed_file=options.seed,
        state=options.state,
        tls=options.tls,
        devices=options.devices,
        ready=ready,
        until_eof=os.fdopen(os.dup(sys.stdin.fileno()), "rb") if options.until_eof else None,
    )


def _log_requests(file: str) -> None:
    """Raises OSError. Method, operation, region, key id, status and time; never a secret."""
    handler = logging.StreamHandler() if file == "-" else logging.FileHandler(file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger(REQUEST_LOG)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
