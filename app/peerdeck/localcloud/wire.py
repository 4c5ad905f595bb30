"""Answers as they go over the wire: results and errors in the three protocols that are spoken here.

rest-json: code in x-amzn-ErrorType, fields as JSON. json 1.1: code in `__type`. query: XML.
"""

import json
import uuid
from email.utils import formatdate
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from aiohttp import web

from peerdeck.localcloud.sigv4 import Fault, SignatureRefusedError

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape

_STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


class Protocol(StrEnum):
    REST_JSON = "rest-json"
    JSON = "json"
    QUERY = "query"


class ServiceError(Exception):
    """An error answer. code: as AWS names it; field: what the model calls the message field.

    in_body: the body names the code too, whatever the protocol (a refused WebSocket upgrade).
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str = "message",
        in_body: bool = False,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.in_body = in_body
        self.status = status
        self.code = code
        self.message = message
        self.field = field


class FrontDoorError(ServiceError):
    """What AWS's front door answers before it knows the service: XML without an error header."""


_SIGNATURE_CODES = {
    Fault.MISSING: ("MissingAuthenticationTokenException", "MissingAuthenticationToken"),
    Fault.INCOMPLETE: ("IncompleteSignatureException", "IncompleteSignature"),
    Fault.UNKNOWN_KEY: ("UnrecognizedClientException", "InvalidClientTokenId"),
    Fault.EXPIRED_TOKEN: ("ExpiredTokenException", "ExpiredToken"),
    Fault.MISMATCH: ("InvalidSignatureException", "SignatureDoesNotMatch"),
}


def signature_error(protocol: Protocol, refusal: SignatureRefusedError) -> ServiceError:
    """json 1.1 services answer 400, the others 403."""
    code, query_code = _SIGNATURE_CODES[refusal.fault]
    if protocol is Protocol.QUERY:
        return ServiceError(403, query_code, refusal.message)
    status = 400 if protocol is Protocol.JSON else 403
    return ServiceError(status, code, refusal.message)


def modeled_error(model: "OperationModel", code: str, message: str) -> ServiceError:
    """An error that the operation's model lists, with its status and message field; else 400."""
    for shape in model.error_shapes:
        if shape.name == code:
            status = shape.metadata.get("error", {}).get("httpStatusCode", 400)
            members = shape.members  # type: ignore[attr-defined]
            return ServiceError(status, code, message, field=next(iter(members), "message"))
    return ServiceError(400, code, message)


def result(
    protocol: Protocol, model: "OperationModel", fields: dict[str, Any], now: float
) -> web.Response:
    """now: POSIX seconds for the Date header, from which clients learn of a skewed clock."""
    request_id = str(uuid.uuid4())
    output = model.output_shape
    if protocol is Protocol.QUERY:
        members = "".join(f"<{k}>{escape(str(v))}</{k}>" for k, v in fields.items())
        name = model.name
        body = (
            f'<{name}Response xmlns="{_STS_NAMESPACE}"><{name}Result>{members}</{name}Result>'
            f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
            f"</{name}Response>"
        )
    else:
        body = json.dumps(_plain(output, fields) if output is not None else {})
    return _response(protocol, 200, body, request_id, now)


def error(protocol: Protocol, problem: ServiceError, now: float) -> web.Response:
    request_id = str(uuid.uuid4())
    if isinstance(problem, FrontDoorError):
        body = (
            f"<{problem.code}>\n  <Message>{escape(problem.message)}</Message>\n</{problem.code}>\n"
        )
        return _response(Protocol.QUERY, problem.status, body, request_id, now)
    if protocol is Protocol.QUERY:
        kind = "Receiver" if problem.status >= 500 else "Sender"
        body = (
            f'<ErrorResponse xmlns="{_STS_NAMESPACE}"><Error><Type>{kind}</Type>'
            f"<Code>{problem.code}</Code><Message>{escape(problem.message)}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return _response(protocol, problem.status, body, request_id, now)
    fields = {problem.field: problem.message}
    if protocol is Protocol.JSON or problem.in_body:
        fields = {"__type": problem.code, **fields}
    response = _response(protocol, problem.status, json.dumps(fields), request_id, now)
    if protocol is Protocol.REST_JSON:
        response.headers["x-amzn-ErrorType"] = problem.code
    return response


_CONTENT_TYPES = {
    Protocol.REST_JSON: "application/json",
    Protocol.JSON: "application/x-amz-json-1.1",
    Protocol.QUERY: "text/xml",
}


def _response(
    protocol: Protocol, status: int, body: str, request_id: str, now: float
) -> web.Response:
    return web.Response(
        status=status,
        body=body.encode(),
        headers={
            "Content-Type": _CONTENT_TYPES[protocol],
            "Date": formatdate(now, usegmt=True),
            "x-amzn-RequestId": request_id,
        },
    )


def _plain(shape: "Shape", value: Any) -> Any:
    """The value by its shape, as JSON takes it: timestamps as POSIX seconds, no absent fields.

    A field that the shape lacks is our own mistake and raises KeyError.
    """
    match shape.type_name:
        case "structure":
            members: dict[str, Shape] = shape.members  # type: ignore[attr-defined]
            return {k: _plain(members[k], v) for k, v in value.items() if v is not None}
        case "list":
            return [_plain(shape.member, item) for item in value]  # type: ignore[attr-defined]
        case "timestamp":
            return round(float(value), 3)
    return value
