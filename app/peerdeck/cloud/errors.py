"""What can go wrong with an AWS call, in one type, without any secret."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from peerdeck.core.scrub import without_secrets

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

SKEW_S = 240.0  # SigV4 tolerates 5 minutes; an answer takes its time to arrive
_MESSAGE_LENGTH = 500


class Kind(StrEnum):
    THROTTLED = "throttled"
    INVALID = "invalid"
    DENIED = "denied"
    EXPIRED = "expired"
    NOT_FOUND = "not found"
    CLOCK = "clock"
    NO_CREDENTIALS = "no credentials"
    UNREACHABLE = "unreachable"
    NOT_AWS = "not aws"
    LIMIT = "limit"
    OTHER = "other"


class CloudError(Exception):
    """A failed AWS call. Safe to show and to log.

    operation: AWS's name of it. code: AWS's error code, or the stranger's. status: HTTP status, 0
    where no answer came. request_id: what AWS support asks for. clock_offset_s: AWS's clock minus
    ours as far as known; with Kind.CLOCK it is the reason.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        kind: Kind = Kind.OTHER,
        code: str = "",
        status: int = 0,
        request_id: str = "",
        clock_offset_s: float | None = None,
    ) -> None:
        message = scrub(message)
        super().__init__(message)
        self.message = message
        self.operation = operation
        self.kind = kind
        self.code = code
        self.status = status
        self.request_id = request_id
        self.clock_offset_s = clock_offset_s

    def __str__(self) -> str:
        what = ": ".join(part for part in (self.operation, self.code, self.message) if part)
        return f"{what} (HTTP {self.status})" if self.status else what

    def __repr__(self) -> str:
        return f"<CloudError {self.kind}: {self}>"


class NotAwsAnswer(Exception):
    """Internal to this room: an answer that no AWS service gives, found before it was parsed."""

    def __init__(self, message: str, *, code: str = "", status: int = 0) -> None:
        super().__init__(scrub(message))
        self.code = code
        self.status = status


def scrub(text: str) -> str:
    """`text` without signatures, tokens and keys, as far as their form gives them away."""
    text = without_secrets(text)
    return text if len(text) <= _MESSAGE_LENGTH else f"{text[: _MESSAGE_LENGTH - 1]}…"


_KINDS = {
    Kind.THROTTLED: {
        "ClientLimitExceededException",  # Kinesis Video: "your client is being throttled"
        "ThrottlingException",
        "Throttling",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
    },
    Kind.INVALID: {
        "InvalidArgumentException",
        "InvalidClientException",  # GetIceServerConfig: "the specified client is invalid"
        "InvalidRequestException",
        "ValidationException",
        "ValidationError",
        "SerializationException",
        "MalformedQueryString",
        "UnknownOperationException",
    },
    Kind.DENIED: {
        "AccessDenied",
        "AccessDeniedException",
        "NotAuthorizedException",
        "NotAuthorized",
        "UnauthorizedException",
        "ForbiddenException",
        "AuthFailure",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
    },
    Kind.EXPIRED: {
        "ExpiredToken",
        "ExpiredTokenException",
        "SessionExpiredException",
        "TokenRefreshRequired",
    },
    Kind.NOT_FOUND: {"ResourceNotFoundException", "ResourceNotFound", "NotFoundException"},
    Kind.CLOCK: {"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"},
    Kind.LIMIT: {
        "LimitExceededException",
        "LimitExceeded",
        "ServiceQuotaExceededException",
        "AccountChannelLimitExceededException",
    },
}
_KIND_OF_CODE = {code: kind for kind, codes in _KINDS.items() for code in codes}
_XML_ERROR = re.compile(
    r"\s*<(?P<code>\w+)>\s*<Message>(?P<message>[^<]*)</Message>", re.IGNORECASE
)
_SIGNATURE_CODES = {"InvalidSignatureException", "SignatureDoesNotMatch", "AccessDeniedException"}
_CLOCK_WORDS = re.compile(r"signature (?:expired|not yet current)", re.IGNORECASE)


def kind_of(code: str, status: int, message: str = "", offset_s: float | None = None) -> Kind:
    """What an AWS error code, or else the HTTP status, means for the person waiting."""
    name = code.rpartition("#")[2].partition(":")[0]
    kind = _KIND_OF_CODE.get(name)
    if name in _SIGNATURE_CODES and (
        _CLOCK_WORDS.search(message)
        or (name != "AccessDeniedException" and abs(offset_s or 0.0) > SKEW_S)
    ):
        return Kind.CLOCK
    if kind is not None:
        return kind
    by_status = {400: Kind.INVALID, 401: Kind.DENIED, 403: Kind.DENIED, 404: Kind.NOT_FOUND}
    gateway = {502: Kind.UNREACHABLE, 503: Kind.UNREACHABLE, 504: Kind.UNREACHABLE}
    return (by_status | gateway | {429: Kind.THROTTLED}).get(status, Kind.OTHER)


def translate(
    operation: str, error: Exception, *, clock_offset_s: float | None = None
) -> CloudError:
    """A CloudError for whatever a botocore call raised; the (scrubbed) cause is attached.

    An error that botocore does not model and that is none of a wrongly shaped answer is a bug of
    ours and comes back as it is, raised.
    """
    from botocore.exceptions import ClientError

    if isinstance(error, CloudError):
        return error
    if isinstance(error, ClientError):
        result = _from_client_error(operation, error, clock_offset_s)
    elif isinstance(error, NotAwsAnswer):
        result = CloudError(
            str(error),
            operation=operation,
            kind=Kind.NOT_AWS,
            code=error.code,
            status=error.status,
        )
    else:
        kind, message = _kind_and_words(error)
        result = CloudError(
            message,
            operation=operation,
            kind=kind,
            code=type(error).__name__,
            clock_offset_s=clock_offset_s,
        )
    _strip(error)
    result.__cause__ = error
    return result


def _from_client_error(
    operation: str, error: "ClientError", clock_offset_s: float | None
) -> CloudError:
    response: Mapping[str, Any] = error.response
    metadata = response.get("ResponseMetadata", {})
    code = str(response.get("Error", {}).get("Code", ""))
    message = str(response.get("Error", {}).get("Message", ""))
    status = int(metadata.get("HTTPStatusCode", 0))
    if (xml := _XML_ERROR.match(message)) is not None:
        # A JSON service's authorization answers in XML, which botocore does not take apart.
        code, message = xml["code"], xml["message"].strip()
    return CloudError(
        message,
        operation=operation,
        kind=kind_of(code, status, message, clock_offset_s),
        code=code,
        status=status,
        request_id=str(metadata.get("RequestId", "")),
        clock_offset_s=clock_offset_s,
    )


# By class name, most special first in the error's own ancestry: newer botocores have more of them.
_KIND_OF_CLASS = {
    "UnauthorizedSSOTokenError": Kind.EXPIRED,
    "SSOTokenLoadError": Kind.EXPIRED,
    "TokenRetrievalError": Kind.EXPIRED,
    "RefreshWithMFAUnsupportedError": Kind.EXPIRED,
    "LoginError": Kind.EXPIRED,
    "NoCredentialsError": Kind.NO_CREDENTIALS,
    "PartialCredentialsError": Kind.NO_CREDENTIALS,
    "CredentialRetrievalError": Kind.NO_CREDENTIALS,
    "NoAuthTokenError": Kind.NO_CREDENTIALS,
    "MetadataRetrievalError": Kind.NO_CREDENTIALS,
    "UnknownCredentialError": Kind.NO_CREDENTIALS,
    "SSOError": Kind.NO_CREDENTIALS,
    "MissingDependencyException": Kind.NO_CREDENTIALS,
    "ProfileNotFound": Kind.NO_CREDENTIALS,
    "ConfigParseError": Kind.NO_CREDENTIALS,
    "ConfigNotFound": Kind.NO_CREDENTIALS,
    "InvalidConfigError": Kind.NO_CREDENTIALS,
    "HTTPClientError": Kind.UNREACHABLE,
    "ConnectionError": Kind.UNREACHABLE,  # botocore's, and Python's
    "ParamValidationError": Kind.INVALID,
    "ValidationError": Kind.INVALID,
    "BaseEndpointResolverError": Kind.INVALID,
    "EndpointProviderError": Kind.INVALID,
    "ResponseParserError": Kind.NOT_AWS,
    "BotoCoreError": Kind.OTHER,
}
# What botocore's parsers raise for an answer that its service model cannot describe.
_PARSER_TROUBLE = (AttributeError, TypeError, KeyError, ValueError)


def _kind_and_words(error: Exception) -> tuple[Kind, str]:
    """For errors without an AWS answer; raises `error` itself where it is a bug of ours."""
    kinds = (_KIND_OF_CLASS.get(ancestor.__name__) for ancestor in type(error).__mro__)
    kind = next((kind for kind in kinds if kind is not None), None)
    if kind is Kind.NOT_AWS or (kind is None and isinstance(error, _PARSER_TROUBLE)):
        return Kind.NOT_AWS, "The answer has another form than the service's answers have."
    if kind is None:
        raise error
    return kind, str(error)


def _strip(error: BaseException) -> None:
    """Takes what is secret out of `error` and its causes, for tracebacks show them all."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        following.args = tuple(scrub(a) if isinstance(a, str) else a for a in following.args)
        if type(following).__module__.startswith("botocore."):
            for name in ("request", "response"):  # the signed request, kept on botocore's errors
                if hasattr(following, name):
                    kept = getattr(following, name)
                    setattr(following, name, _scrubbed(kept) if isinstance(kept, dict) else None)
        following = following.__cause__ or following.__context__


def _scrubbed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _scrubbed(inner) for key, inner in value.items()}
    return scrub(value) if isinstance(value, str) else value
