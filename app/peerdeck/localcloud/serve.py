"""A local cloud as a program: from options to a running cloud, until it is told to stop."""

import asyncio
import contextlib
import ipaddress
import logging
import signal
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import platformdirs

from peerdeck.core.errors import FieldError, UserError
from peerdeck.localcloud.authority import CERTIFICATE_FILE, Authority, AuthorityBrokenError
from peerdeck.localcloud.cloud import LocalCloud, Ports
from peerdeck.localcloud.seed import Seed, demo_seed
from peerdeck.localcloud.seed_file import check_region, read_seed
from peerdeck.localcloud.store import Store, StoreBrokenError

ADMIN_VARIABLE = "PEERDECK_LOCALCLOUD_ADMIN"
KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
REGION_VARIABLE = "AWS_DEFAULT_REGION"
_log = logging.getLogger(__name__)

# environment, regions, lines of explanation
Ready = Callable[[dict[str, str], tuple[str, ...], tuple[str, ...]], None]


@dataclass(frozen=True, slots=True)
class Options:
    """seed_file: instead of the demo's content. regions: () for the seed's.

    state: directory that survives restarts. passing: a run that leaves nothing on the disk, for
    instance the demo's own; its authority is made anew unless TLS is offered.
    """

    host: str = "127.0.0.1"
    ports: Ports = field(default_factory=Ports)
    regions: tuple[str, ...] = ()
    seed_file: Path | None = None
    state: Path | None = None
    tls: bool = False
    passing: bool = False


async def serve(
    options: Options,
    *,
    devices: Callable[[LocalCloud], AbstractAsyncContextManager[None]] | None,
    ready: Ready,
    until_eof: IO[bytes] | None,
) -> None:
    """Runs until SIGTERM, SIGINT or, where given, the end of `until_eof`.

    Raises FieldError for a wrong option or seed, UserError for a broken state, OSError where a port
    is taken or a file cannot be read.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_report)
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows has no signal handlers in asyncio
            loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        if until_eof is not None:
            transport, _ = await loop.connect_read_pipe(lambda: _Eof(stop), until_eof)
            stack.callback(transport.close)
        cloud, certificate = await asyncio.to_thread(_prepared, options, stack)
        await stack.enter_async_context(cloud)
        if devices is not None:
            await stack.enter_async_context(devices(cloud))
        ready(environment(cloud, certificate), cloud.regions, _explained(cloud))
        await stop.wait()


def environment(cloud: LocalCloud, certificate: Path | None = None) -> dict[str, str]:
    """What makes any AWS client, and ours, use `cloud`. Holds its secret key."""
    keys = cloud.credentials
    variables = {
        **cloud.endpoints.environment(),
        **dict(zip(KEY_VARIABLES, (keys.access_key, keys.secret_key.reveal()), strict=True)),
        REGION_VARIABLE: cloud.regions[0],
        ADMIN_VARIABLE: cloud.admin_url,
    }
    if certificate is not None:
        variables["AWS_CA_BUNDLE"] = variables["NODE_EXTRA_CA_CERTS"] = str(certificate)
    return variables


def _prepared(options: Options, stack: AsyncExitStack) -> tuple[LocalCloud, Path | None]:
    """The cloud, not yet started, and the file of its authority's certificate. Blocks."""
    host = _checked_host(options.host)
    seed = _seed(options)
    try:
        store = Store.open(options.state) if options.state is not None else None
        if store is not None:
            stack.callback(store.close)
        authority, certificate = _authority(options)
    except (StoreBrokenError, AuthorityBrokenError) as error:
        raise UserError("The local cloud's state cannot be used.", str(error)) from error
    cloud = LocalCloud(
        seed, host=host, ports=options.ports, tls=options.tls, authority=authority, store=store
    )
    return cloud, certificate


def _authority(options: Options) -> tuple[Authority, Path | None]:
    if options.state is None and options.passing and not options.tls:
        return Authority.fresh(), None
    directory = options.state
    if directory is None:
        directory = platformdirs.user_data_path("peerdeck", appauthor=False) / "localcloud"
    return Authority.kept_in(directory), (directory / CERTIFICATE_FILE).absolute()


def _seed(options: Options) -> Seed:
    for name in options.regions:
        check_region(name)
    if options.seed_file is not None:
        return read_seed(options.seed_file, options.regions)
    seed = demo_seed()
    if not options.regions:
        return seed
    return replace(
        seed,
        regions=options.regions,
        channels=tuple(c for c in seed.channels if c.region in options.regions),
        things=tuple(t for t in seed.things if t.region in options.regions),
        tunnels=tuple(t for t in seed.tunnels if t.region in options.regions),
    )


def _checked_host(host: str) -> str:
    """TURN relays from one address, and every URL that is handed out names it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise FieldError("host", host, "must be an IPv4 address of this machine.") from None
    if address.version != 4 or address.is_unspecified or address.is_multicast:
        raise FieldError("host", host, "must be one IPv4 address of this machine.")
    return host


def _explained(cloud: LocalCloud) -> tuple[str, ...]:
    """What listens where; no secret."""
    ports, host = cloud.ports, cloud.endpoints.stun.split(":")[1]
    return (
        f"HTTP and signaling: http://{host}:{ports.http} and https://{host}:{ports.https}",
        f"tunnels: ws://{host}:{ports.relay} and wss://{host}:{ports.relays}",
        f"STUN and TURN: {host}:{ports.turn} over UDP and TCP, {host}:{ports.turns} over TLS",
        f"second TURN: {host}:{ports.turn2} over UDP and TCP, {host}:{ports.turns2} over TLS",
        f"health: http://{host}:{ports.http}/health",
    )


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A stranger's broken handshake is none of our errors."""
    error = context.get("exception")
    # WORKAROUND: aiofastnet 1.2 puts a class in place of an exception, which logging cannot print.
    # Goes when a release of it does not.
    kind = error if isinstance(error, type) else type(error)
    if issubclass(kind, ssl.SSLError | ConnectionError):
        _log.debug("a connection ended badly: %s", kind.__name__)
    elif isinstance(error, type):
        _log.error("%s: %s", context.get("message"), kind.__name__)
    else:
        loop.default_exception_handler(context)


class _Eof(asyncio.Protocol):
    """Sets an event at the end of a stream; what comes before is of no interest."""

    def __init__(self, ended: asyncio.Event) -> None:
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()
