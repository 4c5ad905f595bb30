"""The signed URL of the signaling WebSocket."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

EXPIRES_S = 299  # "valid for 299 seconds", as every SDK of AWS signs it
SIGV4_TIMESTAMP = "%Y%m%dT%H%M%SZ"


def sign_websocket(
    endpoint: str,
    parameters: Mapping[str, str],
    *,
    credentials: "ReadOnlyCredentials",
    region: str,
    now: datetime,
    service: str = "kinesisvideo",
) -> str:
    """`endpoint` (ws:// or wss://) with `parameters` and a SigV4 query signature; holds secrets.

    now: UTC by AWS's clock; the URL may be used for 299 s from then on. Only the host header is
    signed; the session token is a parameter inside the canonical request. Source: developer guide,
    "WebSocket APIs / Signature Version 4"; Signature Version 4 reference, "query parameters".
    """
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    class SignedAt(SigV4QueryAuth):
        """Signs for `now`: botocore takes this machine's clock, which may be wrong."""

        def _modify_request_before_signing(self, request: Any) -> None:
            request.context["timestamp"] = now.strftime(SIGV4_TIMESTAMP)
            super()._modify_request_before_signing(request)  # type: ignore[misc]

    parts = urlsplit(endpoint)
    # As HTTP, so that a default port is left out of the signed host, as WebSocket clients do.
    scheme = {"ws": "http", "wss": "https"}[parts.scheme]
    url = urlunsplit((scheme, parts.netloc, parts.path or "/", parts.query, ""))
    request = AWSRequest(method="GET", url=url, params=dict(parameters))
    SignedAt(credentials, service, region, EXPIRES_S).add_auth(request)
    signed = urlsplit(str(request.url))
    return urlunsplit((parts.scheme, signed.netloc, signed.path, signed.query, ""))
