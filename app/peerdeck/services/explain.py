"""Faults of the cloud and the engine in plain words, with what to do next."""

from collections.abc import Iterator
from contextlib import contextmanager

from peerdeck.cloud.errors import CloudError, Kind
from peerdeck.core.errors import UserError

_REMEDIES = {
    Kind.THROTTLED: (
        "AWS asks for fewer requests",
        "Wait a few seconds and try again. GetIceServerConfig allows 5 calls a second and channel.",
    ),
    Kind.INVALID: ("AWS does not accept the request", "Check the values named below."),
    Kind.DENIED: (
        "these credentials may not do that",
        "Ask for the permission of the action named below, or choose another profile.",
    ),
    Kind.EXPIRED: (
        "the credentials have expired",
        "Sign in again (for SSO: `aws sso login`), then retry.",
    ),
    Kind.NOT_FOUND: (
        "AWS does not know it",
        "It may have been deleted, or it lives in another region or account. Refresh the list.",
    ),
    Kind.CLOCK: (
        "this machine's clock differs too much from AWS's",
        "Set the clock (for instance by NTP), then retry.",
    ),
    Kind.NO_CREDENTIALS: (
        "there are no usable AWS credentials",
        (
            "Choose a profile, sign in with `aws sso login`, or set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY; or look around in the demo."
        ),
    ),
    Kind.UNREACHABLE: (
        "the endpoint cannot be reached",
        "Check the network, the proxy and the endpoint's address, then retry.",
    ),
    Kind.NOT_AWS: (
        "the endpoint that answered is not an AWS service",
        "Check the endpoint URLs in the account settings; AWS never answers in this form.",
    ),
    Kind.LIMIT: (
        "a quota of the account is used up",
        "Close what is no longer needed, or ask AWS to raise the quota.",
    ),
    Kind.OTHER: ("AWS answered with an error", "Retry; the service's own words are below."),
}


def cloud_problem(error: CloudError, doing: str) -> UserError:
    """`doing` completes "Could not …": "list the channels"."""
    title, remedy = _REMEDIES.get(error.kind, _REMEDIES[Kind.OTHER])
    words = [part for part in (error.operation, error.code, error.message) if part]
    status = f" (HTTP {error.status})" if error.status else ""
    return UserError(f"Could not {doing}: {title}.", remedy, detail=": ".join(words) + status)


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turns a CloudError of the body into a UserError."""
    try:
        yield
    except CloudError as error:
        raise cloud_problem(error, doing) from error
