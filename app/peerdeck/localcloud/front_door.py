"""What every HTTP request passes before the gateway: faults on purpose, and the request log.

Also knows the transports of the signaling sockets, so that they can be cut or stalled.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import parse_qs

from aiohttp import web

from peerdeck.core.channel import Role
from peerdeck.localcloud import models, wire
from peerdeck.localcloud.channels import ChannelEndpoint
from peerdeck.localcloud.control_faults import ControlFaults
from peerdeck.localcloud.state import CloudState
from peerdeck.localcloud.wire import Protocol, ServiceError

REQUEST_LOG = "peerdeck.localcloud.requests"
_requests = logging.getLogger(REQUEST_LOG)
_CREDENTIAL = re.compile(r"Credential=([A-Za-z0-9]{1,128})/\d{8}/([a-z0-9-]{1,64})/")
_SCOPE = re.compile(r"([A-Za-z0-9]{1,128})/\d{8}/([a-z0-9-]{1,64})/")
_ODD = re.compile(r"[^A-Za-z0-9/._-]")
_CONNECT = {Role.MASTER: "ConnectAsMaster", Role.VIEWER: "ConnectAsViewer"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says of itself before anybody has verified it; "" where it does not."""

    protocol: Protocol
    service: str
    operation: str
    region: str
    access_key: str
    endpoint: ChannelEndpoint | None


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """A signaling connection's transport and what it is for."""

    transport: asyncio.Transport
    endpoint: ChannelEndpoint


class FrontDoor:
    """exempt: access keys that no fault concerns, those of the demo's own devices."""

    def __init__(self, state: CloudState, *, exempt: frozenset[str] = frozenset()) -> None:
        self.faults = ControlFaults()
        self._state = state
        self._exempt = exempt
        self._sockets: set[OpenSocket] = set()

    def sockets(self, role: Role | None = None) -> tuple[OpenSocket, ...]:
        """The open signaling connections, all or one role's."""
        return tuple(s for s in self._sockets if role in {None, s.endpoint.role})

    def drop(self, role: Role | None = None) -> None:
        """Cuts signaling connections without a Close frame."""
        for socket in self.sockets(role):
            socket.transport.abort()

    def stall(self, on: bool) -> None:
        """Signaling sockets stay up, while nothing is read from any of them."""
        self.faults.stalled = on
        for socket in self.sockets():
            _hold(socket.transport, on)

    @web.middleware
    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The gateway's answer or a fault's; one line of log."""
        started_at = time.monotonic()
        asked = self._asked(request)
        status = 0
        try:
            self._judge(asked)
            with self._noted(request, asked.endpoint):
                response = await handler(request)
        except ServiceError as problem:
            response = wire.error(asked.protocol, problem, self._state.clock())
        except web.HTTPException as refusal:
            status = refusal.status
            raise
        finally:
            if status:
                _note(request, asked, status, started_at)
        if self.faults.ahead_s and not response.prepared:
            now = self._state.clock() + self.faults.ahead_s
            response.headers["Date"] = formatdate(now, usegmt=True)
        _note(request, asked, response.status, started_at)
        return response

    def _judge(self, asked: Asked) -> None:
        """Raises ServiceError where a fault wants one. Unknown keys are the gateway's to refuse."""
        endpoint = asked.endpoint
        if self.faults.no_master and asked.operation == _CONNECT[Role.MASTER]:
            raise ServiceError(503, "ServiceUnavailableException", "Try again later.", in_body=True)
        known = asked.access_key in self._state.keys and asked.access_key not in self._exempt
        if asked.operation and known and (endpoint is not None or asked.service):
            caller = f"arn:aws:iam::{self._state.account}:user/local"
            self.faults.check(asked.service, asked.operation, asked.protocol, caller)

    def _asked(self, request: web.Request) -> Asked:
        first, slash, rest = request.path.removeprefix("/").partition("/")
        endpoint = self._state.channels.endpoint(first)
        protocol, found = Protocol.REST_JSON, None
        if endpoint is not None and endpoint.protocol == "WSS":
            found = ("kinesisvideo", _CONNECT[endpoint.role])
        elif "X-Amz-Target" in request.headers:
            protocol = Protocol.JSON
            found = models.target_operation(request.headers["X-Amz-Target"])
        elif request.content_type == "application/x-www-form-urlencoded":
            protocol = Protocol.QUERY  # its operation is in the body, which the gateway reads
        else:
            path = request.path if endpoint is None else slash + rest
            found = models.rest_operation(request.method, path)
        service, operation = found or ("", "")
        match = _CREDENTIAL.search(request.headers.get("Authorization", ""))
        if match is None:
            query = parse_qs(request.raw_path.partition("?")[2])
            match = _SCOPE.match(query.get("X-Amz-Credential", [""])[0])
        access_key, region = match.groups() if match is not None else ("", "")
        return Asked(protocol, service, operation, region, access_key, endpoint)

    @contextmanager
    def _noted(self, request: web.Request, endpoint: ChannelEndpoint | None) -> Iterator[None]:
        """Knows the transport as long as a signaling request lasts."""
        transport = request.transport
        if endpoint is None or endpoint.protocol != "WSS" or transport is None:
            yield
            return
        socket = OpenSocket(transport, endpoint)
        self._sockets.add(socket)
        if self.faults.stalled:
            _hold(transport, True)
        try:
            yield
        finally:
            self._sockets.discard(socket)


def _hold(transport: asyncio.Transport, on: bool) -> None:
    if transport.is_closing():
        return
    if on:
        transport.pause_reading()
    else:
        transport.resume_reading()


def _note(request: web.Request, asked: Asked, status: int, started_at: float) -> None:
    """Neither query nor headers nor body: they hold signatures and tokens.

    An unknown path is shown without what no path of ours has; the admin path not at all.
    """
    if not _requests.isEnabledFor(logging.INFO):
        return
    what = asked.operation or _ODD.sub("?", request.path)[:80]
    if not asked.operation and asked.protocol is Protocol.QUERY:
        what = "sts"
    if request.path.startswith("/_local/"):
        what = "admin"
    where = asked.region or "-"
    who = asked.access_key or "-"
    taken_ms = 1000 * (time.monotonic() - started_at)
    _requests.info("%s %s %s %s %d %.1f ms", request.method, what, where, who, status, taken_ms)
