"""The HTTP front door: from bytes to a verified, validated Call, and back to an answer.

One port serves every region and service: the region is read from the SigV4 scope, the service from
what the request asks for, as each protocol says it.
"""

import asyncio
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from peerdeck.localcloud import models, wire
from peerdeck.localcloud.channels import ChannelEndpoint
from peerdeck.localcloud.cors import across_origins
from peerdeck.localcloud.operations import OPERATIONS
from peerdeck.localcloud.quotas import RateExceededError
from peerdeck.localcloud.sigv4 import SignatureRefusedError, SignedRequest, verify_headers
from peerdeck.localcloud.state import Call, CloudState, OperationError
from peerdeck.localcloud.validation import InvalidFieldsError, WrongTypeError, check
from peerdeck.localcloud.wire import FrontDoorError, Protocol, ServiceError

MAX_BODY = 1 << 20
BODY_S = 20.0  # a request must be here by then
IDLE_S = 30.0  # a connection without a request, or with half of its headers, ends
_SIGNING_NAMES = {
    Protocol.REST_JSON: "kinesisvideo",
    Protocol.JSON: "IoTSecuredTunneling",
    Protocol.QUERY: "sts",
}
# What a channel's own endpoints answer, by their protocol; all else is for the regional endpoint.
_CHANNEL_SERVICES = {"kinesis-video-signaling": "HTTPS", "kinesis-video-webrtc-storage": "WEBRTC"}
_CHANNEL_FIELDS = ("ChannelARN", "ResourceARN", "channelArn", "ChannelName")
_log = logging.getLogger(__name__)

SocketHandler = Callable[[web.Request, ChannelEndpoint], Awaitable[web.StreamResponse]]


class Gateway:
    """Owns no state; `application()` is what the server runs.

    sockets: takes over requests to a channel's WebSocket endpoint.
    """

    def __init__(self, state: CloudState, sockets: SocketHandler) -> None:
        self._state = state
        self._sockets = sockets

    def application(self) -> web.Application:
        application = web.Application(client_max_size=MAX_BODY, middlewares=[across_origins])
        application.router.add_get("/health", self._health)
        application.router.add_route("*", "/{path:.*}", self._answer)
        return application

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        protocol = _protocol(request)
        try:
            endpoint, path = self._endpoint(request)
            if endpoint is not None and endpoint.protocol == "WSS":
                return await self._sockets(request, endpoint)
            return await self._call(request, protocol, endpoint, path)
        except ServiceError as problem:
            return wire.error(protocol, problem, self._state.clock())
        except web.HTTPRequestEntityTooLarge:
            too_long = ServiceError(413, "RequestEntityTooLargeException", "Request too long")
            return wire.error(protocol, too_long, self._state.clock())
        except Exception:  # noqa: BLE001 - the last border of a request
            # AWS answers InternalFailure for whatever it did not foresee. Neither query nor
            # headers are logged: both carry signatures.
            _log.exception("%s %s failed", request.method, request.path)
            failure = ServiceError(500, "InternalFailure", "Internal failure")
            return wire.error(protocol, failure, self._state.clock())

    async def _call(
        self,
        request: web.Request,
        protocol: Protocol,
        endpoint: ChannelEndpoint | None,
        path: str,
    ) -> web.Response:
        body = await _body(request)
        service, operation = _operation(request, protocol, path, body)
        if _CHANNEL_SERVICES.get(service) != (endpoint.protocol if endpoint is not None else None):
            raise _front_door_refusal()
        region, access_key = self._verify(request, protocol, endpoint, body)
        handler = OPERATIONS.get((service, operation))
        if handler is None:
            raise ServiceError(400, "UnknownOperationException", f"No {operation} here.")
        model = models.operation_model(service, operation)
        shape = model.input_shape
        try:
            fields = check(shape, _fields(protocol, body)) if shape is not None else {}
            self._state.quotas.take(operation, region, _channel_of(fields))
            outcome = handler(Call(self._state, region, access_key, fields, endpoint))
            if inspect.isawaitable(outcome):
                outcome = await outcome
        except WrongTypeError as error:
            raise ServiceError(400, "SerializationException", str(error)) from error
        except InvalidFieldsError as error:
            code = "InvalidArgumentException" if service.startswith("kinesis") else ""
            raise wire.modeled_error(model, code or "ValidationException", str(error)) from error
        except RateExceededError as error:
            raise wire.modeled_error(model, "ClientLimitExceededException", str(error)) from error
        except OperationError as error:
            raise wire.modeled_error(model, error.code, error.message) from error
        _log.debug("%s.%s in %s", service, operation, region)
        return wire.result(protocol, model, outcome, self._state.clock())

    def _endpoint(self, request: web.Request) -> tuple[ChannelEndpoint | None, str]:
        """The channel endpoint that the first path segment stands for, and the rest of the path."""
        first, slash, rest = request.path.removeprefix("/").partition("/")
        endpoint = self._state.channels.endpoint(first)
        return (endpoint, slash + rest) if endpoint is not None else (None, request.path)

    def _verify(
        self,
        request: web.Request,
        protocol: Protocol,
        endpoint: ChannelEndpoint | None,
        body: bytes,
    ) -> tuple[str, str]:
        try:
            scope = verify_headers(
                signed_request(request, body),
                self._state.keys,
                now=self._state.clock(),
                service=_SIGNING_NAMES[protocol],
            )
        except SignatureRefusedError as refusal:
            raise wire.signature_error(protocol, refusal) from refusal
        if endpoint is not None and scope.region != endpoint.region:
            raise wrong_region(scope.region)
        return scope.region, scope.access_key


def signed_request(request: web.Request, body: bytes = b"") -> SignedRequest:
    path, _, query = request.raw_path.partition("?")
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        lower = name.lower()
        headers[lower] = f"{headers[lower]},{value}" if lower in headers else value
    return SignedRequest(request.method, path, query, headers, body)


def wrong_region(region: str) -> ServiceError:
    message = f"Credential should be scoped to a valid region, not '{region}'. "
    return ServiceError(403, "InvalidSignatureException", message, in_body=True)


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError as error:
        raise ServiceError(
            408, "RequestTimeoutException", "The request did not arrive in time."
        ) from error


def _channel_of(fields: Mapping[str, Any]) -> str:
    """What the request calls its channel, for its quota; "" where it names none."""
    return next((fields[name] for name in _CHANNEL_FIELDS if name in fields), "")


def _protocol(request: web.Request) -> Protocol:
    if "X-Amz-Target" in request.headers:
        return Protocol.JSON
    if request.content_type == "application/x-www-form-urlencoded":
        return Protocol.QUERY
    return Protocol.REST_JSON


def _operation(request: web.Request, protocol: Protocol, path: str, body: bytes) -> tuple[str, str]:
    if protocol is Protocol.JSON:
        found = models.target_operation(request.headers["X-Amz-Target"])
        status = 400
    elif protocol is Protocol.QUERY:
        action = dict(parse_qsl(body.decode(errors="replace"))).get("Action", "")
        if not action:
            raise ServiceError(400, "MissingAction", "The request is missing an Action.")
        found = models.query_operation(action)
        if found is None:
            words = f"Could not find operation {action} for version 2011-06-15"
            raise ServiceError(400, "InvalidAction", words)
        return found
    else:
        found = models.rest_operation(request.method, path)
        status = 404
    if found is None:
        raise ServiceError(status, "UnknownOperationException", "Unknown operation")
    return found


def _front_door_refusal() -> FrontDoorError:
    """The answer to GetIceServerConfig on the regional endpoint, and the other way round."""
    return FrontDoorError(
        403,
        "AccessDeniedException",
        "Unable to determine service/operation name to be authorized",
    )


def _fields(protocol: Protocol, body: bytes) -> Any:
    if protocol is Protocol.QUERY:
        return dict(parse_qsl(body.decode(errors="replace")))
    try:
        return json.loads(body) if body else {}
    except (ValueError, RecursionError) as error:
        raise WrongTypeError("Unable to parse the request body") from error
