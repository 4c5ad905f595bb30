"""AWS Signature Version 4: signing requests, and verifying those that others signed.

Source: "Create a signed AWS API request" in the IAM user guide; path segments are encoded twice, as
every service but S3 has it. The words of refusals are AWS's.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from peerdeck.core.secret import Secret

ALGORITHM = "AWS4-HMAC-SHA256"
CLOCK_WINDOW_S = 300
PRESIGN_EXPIRES_S = 299  # what the Kinesis Video SDKs ask for
MAX_EXPIRES_S = 604800
EMPTY_BODY_HASH = hashlib.sha256(b"").hexdigest()
_TIME = "%Y%m%dT%H%M%SZ"
_SPACES = re.compile(r" +")
_AUTHORIZATION_PARTS = ("Credential", "SignedHeaders", "Signature")
_QUERY_PARTS = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
)


class Fault(StrEnum):
    """Why a signature was refused; each protocol has its own code for it."""

    MISSING = "missing"
    INCOMPLETE = "incomplete"
    UNKNOWN_KEY = "unknown key"
    EXPIRED_TOKEN = "expired token"  # noqa: S105 - a word, not a password
    MISMATCH = "mismatch"


class SignatureRefusedError(Exception):
    """The caller's fault; the message is what AWS says and holds no secret."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key that may sign. expires_at: POSIX seconds; only temporary keys have it and a token.

    clock_ahead_s: how far the service's clock is ahead for this key's requests; a fault.
    """

    secret_key: Secret
    session_token: Secret = Secret("")
    expires_at: float | None = None
    clock_ahead_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Scope:
    """Who signed, and for which region and service."""

    access_key: str
    date: str
    region: str
    service: str

    @property
    def text(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """path, query: as they came over the wire. headers: lower-case names, repeats joined by ","."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


def sign_headers(
    method: str,
    url: str,
    *,
    body: bytes,
    access_key: str,
    secret_key: str,
    session_token: str = "",
    region: str,
    service: str,
    now: datetime,
    headers: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Returns `headers` plus X-Amz-Date, Authorization and, with a token, X-Amz-Security-Token."""
    parts = urlsplit(url)
    at = now.astimezone(UTC).strftime(_TIME)
    signed = {**(headers or {}), "X-Amz-Date": at}
    if session_token:
        signed["X-Amz-Security-Token"] = session_token
    lower = {"host": parts.netloc, **{name.lower(): value for name, value in signed.items()}}
    request = SignedRequest(method, parts.path or "/", parts.query, lower, body)
    scope = Scope(access_key, at[:8], region, service)
    names = sorted(lower)
    signature = _signature(
        request,
        scope,
        at=at,
        header_names=names,
        payload_hash=_hash(body),
        secret_key=Secret(secret_key),
    )
    signed["Authorization"] = (
        f"{ALGORITHM} Credential={access_key}/{scope.text}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return signed


def presign_websocket(
    url: str,
    *,
    access_key: str,
    secret_key: str,
    session_token: str = "",
    region: str,
    parameters: Mapping[str, str],
    now: datetime,
) -> str:
    """A signaling URL that is valid for 299 s: GET, service kinesisvideo, only `host` signed.

    parameters: X-Amz-ChannelARN and, for a viewer, X-Amz-ClientId.
    """
    parts = urlsplit(url)
    at = now.astimezone(UTC).strftime(_TIME)
    scope = Scope(access_key, at[:8], region, "kinesisvideo")
    fields = {
        **dict(parse_qsl(parts.query)),
        **parameters,
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{access_key}/{scope.text}",
        "X-Amz-Date": at,
        "X-Amz-Expires": str(PRESIGN_EXPIRES_S),
        "X-Amz-SignedHeaders": "host",
    }
    if session_token:
        fields["X-Amz-Security-Token"] = session_token
    query = "&".join(f"{_encode(name)}={_encode(fields[name])}" for name in sorted(fields))
    path = parts.path or "/"
    request = SignedRequest("GET", path, query, {"host": parts.netloc})
    signature = _signature(
        request,
        scope,
        at=at,
        header_names=["host"],
        payload_hash=EMPTY_BODY_HASH,
        secret_key=Secret(secret_key),
    )
    return f"{parts.scheme}://{parts.netloc}{path}?{query}&X-Amz-Signature={signature}"


def verify_headers(
    request: SignedRequest, keys: Mapping[str, AccessKey], *, now: float, service: str
) -> Scope:
    """The scope of a request signed in its Authorization header; raises SignatureRefusedError.

    service: the signing name that the request's operation belongs to. now: POSIX seconds.
    """
    authorization = request.headers.get("authorization", "")
    if not authorization:
        raise SignatureRefusedError(Fault.MISSING, "Missing Authentication Token")
    parts = _authorization_parts(authorization)
    at = request.headers.get("x-amz-date", "")
    if not at:
        raise SignatureRefusedError(
            Fault.INCOMPLETE,
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        )
    scope = _scope(parts["Credential"], at, service)
    key = _key(scope, keys, request.headers.get("x-amz-security-token", ""), now)
    _check_time(at, CLOCK_WINDOW_S, now + key.clock_ahead_s)
    payload = request.headers.get("x-amz-content-sha256", "") or _hash(request.body)
    names = parts["SignedHeaders"].split(";")
    if payload != _hash(request.body) or not {"host", "x-amz-date"} <= set(names):
        raise _mismatch()
    expected = _signature(
        request,
        scope,
        at=at,
        header_names=names,
        payload_hash=payload,
        secret_key=key.secret_key,
    )
    _check(parts["Signature"], expected)
    return scope


def verify_query(
    request: SignedRequest, keys: Mapping[str, AccessKey], *, now: float, service: str
) -> Scope:
    """The scope of a presigned GET, as signaling sockets use it; raises SignatureRefusedError."""
    values = dict(parse_qsl(request.query, keep_blank_values=True))
    if "X-Amz-Signature" not in values and "X-Amz-Credential" not in values:
        raise SignatureRefusedError(Fault.MISSING, "Missing Authentication Token")
    absent = [name for name in _QUERY_PARTS if not values.get(name)]
    if absent:
        words = " ".join(f"AWS query-string parameters must include '{name}'." for name in absent)
        raise SignatureRefusedError(
            Fault.INCOMPLETE, f"{words} Re-examine the query-string parameters."
        )
    if values["X-Amz-Algorithm"] != ALGORITHM:
        raise SignatureRefusedError(Fault.INCOMPLETE, "Unsupported AWS 'algorithm'.")
    at = values["X-Amz-Date"]
    scope = _scope(values["X-Amz-Credential"], at, service)
    key = _key(scope, keys, values.get("X-Amz-Security-Token", ""), now)
    valid_s = _expires_s(values.get("X-Amz-Expires", str(CLOCK_WINDOW_S)))
    _check_time(at, valid_s, now + key.clock_ahead_s)
    query = "&".join(p for p in request.query.split("&") if not p.startswith("X-Amz-Signature="))
    unsigned = SignedRequest(request.method, request.path, query, request.headers)
    names = values["X-Amz-SignedHeaders"].split(";")
    if "host" not in names:
        raise _mismatch()
    expected = _signature(
        unsigned,
        scope,
        at=at,
        header_names=names,
        payload_hash=EMPTY_BODY_HASH,
        secret_key=key.secret_key,
    )
    _check(values["X-Amz-Signature"], expected)
    return scope


def _authorization_parts(authorization: str) -> dict[str, str]:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise SignatureRefusedError(
            Fault.INCOMPLETE, "Authorization header requires 'AWS4-HMAC-SHA256' as algorithm."
        )
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(",") if "=" in part)
    absent = [name for name in _AUTHORIZATION_PARTS if not parts.get(name)]
    if absent:
        words = " ".join(f"Authorization header requires '{name}' parameter." for name in absent)
        raise SignatureRefusedError(Fault.INCOMPLETE, words)
    return parts


def _scope(credential: str, at: str, service: str) -> Scope:
    fields = credential.split("/")
    if len(fields) != 5 or fields[4] != "aws4_request" or not all(fields):
        raise SignatureRefusedError(
            Fault.INCOMPLETE, "Credential must have exactly 5 slash-delimited elements."
        )
    scope = Scope(*fields[:4])
    if scope.date != at[:8]:
        raise SignatureRefusedError(
            Fault.MISMATCH,
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
            f"from HTTP: '{scope.date}' != '{at[:8]}', from '{at}'.",
        )
    if scope.service.lower() != service.lower():
        raise SignatureRefusedError(
            Fault.MISMATCH, f"Credential should be scoped to correct service: '{service}'."
        )
    return scope


def _key(scope: Scope, keys: Mapping[str, AccessKey], token: str, now: float) -> AccessKey:
    key = keys.get(scope.access_key)
    expected = key.session_token.reveal() if key is not None else ""
    if key is None or not hmac.compare_digest(_bytes(expected), _bytes(token)):
        raise SignatureRefusedError(
            Fault.UNKNOWN_KEY, "The security token included in the request is invalid."
        )
    if key.expires_at is not None and now >= key.expires_at:
        raise SignatureRefusedError(
            Fault.EXPIRED_TOKEN, "The security token included in the request is expired"
        )
    return key


def _check_time(at: str, valid_s: int, now: float) -> None:
    try:
        signed_at = datetime.strptime(at, _TIME).replace(tzinfo=UTC)
    except ValueError:
        raise SignatureRefusedError(
            Fault.INCOMPLETE, "Date must be in ISO-8601 'basic format'."
        ) from None
    here = datetime.fromtimestamp(now, UTC)
    window = "5 min." if valid_s == CLOCK_WINDOW_S else f"{valid_s} sec."
    if signed_at < (earliest := here - timedelta(seconds=valid_s)):
        raise SignatureRefusedError(
            Fault.MISMATCH,
            f"Signature expired: {at} is now earlier than "
            f"{earliest.strftime(_TIME)} ({here.strftime(_TIME)} - {window})",
        )
    if signed_at > (latest := here + timedelta(seconds=CLOCK_WINDOW_S)):
        raise SignatureRefusedError(
            Fault.MISMATCH,
            f"Signature not yet current: {at} is still later than "
            f"{latest.strftime(_TIME)} ({here.strftime(_TIME)} + 5 min.)",
        )


def _expires_s(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:7]) <= MAX_EXPIRES_S:
        raise SignatureRefusedError(
            Fault.INCOMPLETE, "X-Amz-Expires must be a number of seconds from 1 to 604800."
        )
    return int(text[:7])


def _signature(
    request: SignedRequest,
    scope: Scope,
    *,
    at: str,
    header_names: list[str],
    payload_hash: str,
    secret_key: Secret,
) -> str:
    canonical_headers = "".join(
        f"{name}:{_SPACES.sub(' ', request.headers.get(name, '').strip())}\n"
        for name in header_names
    )
    canonical = "\n".join(
        (
            request.method,
            quote(request.path or "/", safe="/~", errors="surrogateescape"),
            _canonical_query(request.query),
            canonical_headers,
            ";".join(header_names),
            payload_hash,
        )
    )
    to_sign = "\n".join((ALGORITHM, at, scope.text, _hash(_bytes(canonical))))
    signing_key = f"AWS4{secret_key.reveal()}".encode()
    for part in (scope.date, scope.region, scope.service, "aws4_request"):
        signing_key = hmac.digest(signing_key, _bytes(part), "sha256")
    return hmac.new(signing_key, _bytes(to_sign), "sha256").hexdigest()


def _canonical_query(query: str) -> str:
    pairs = (part.partition("=")[::2] for part in query.split("&") if part)
    encoded = sorted((_encode(unquote(name)), _encode(unquote(value))) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encode(text: str) -> str:
    return quote(text, safe="-_.~", errors="surrogateescape")


def _bytes(text: str) -> bytes:
    """Header bytes that are no UTF-8 arrive as surrogates (PEP 383)."""
    return text.encode(errors="surrogateescape")


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _check(given: str, expected: str) -> None:
    if not hmac.compare_digest(_bytes(given), _bytes(expected)):
        raise _mismatch()


def _mismatch() -> SignatureRefusedError:
    return SignatureRefusedError(
        Fault.MISMATCH,
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. "
        "Consult the service documentation for details.",
    )
