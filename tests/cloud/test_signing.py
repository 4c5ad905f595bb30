import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from peerdeck.cloud.signing import sign_websocket
from peerdeck.localcloud.sigv4 import presign_websocket

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
ARN = "arn:aws:kinesisvideo:eu-west-1:111122223333:channel/front-door/1700000000000"
KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


def signature_by_hand(url: str, secret_key: str, region: str) -> str:
    """Signature Version 4, step by step as the reference describes it for query parameters."""
    parts = urlsplit(url)
    pairs = [
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name != "X-Amz-Signature"
    ]
    query = "&".join(f"{name}={value}" for name, value in sorted(pairs))
    at = dict(parse_qsl(parts.query))["X-Amz-Date"]
    canonical = "\n".join(
        ["GET", "/", query, f"host:{parts.netloc}\n", "host", hashlib.sha256(b"").hexdigest()]
    )
    scope = f"{at[:8]}/{region}/kinesisvideo/aws4_request"
    text = "\n".join(
        ["AWS4-HMAC-SHA256", at, scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = f"AWS4{secret_key}".encode()
    for part in (at[:8], region, "kinesisvideo", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def sign(endpoint="wss://v-1234abcd.kinesisvideo.eu-west-1.amazonaws.com", token=None, **more):
    return sign_websocket(
        endpoint,
        {"X-Amz-ChannelARN": ARN, **more},
        credentials=ReadOnlyCredentials(*KEYS, token),
        region="eu-west-1",
        now=NOW,
    )


def test_golden_url_of_a_viewer():
    fields = dict(parse_qsl(urlsplit(sign(**{"X-Amz-ClientId": "viewer-1"})).query))
    # The signature was made with OpenSSL from the reference's steps, no Python involved.
    assert fields == {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-ChannelARN": ARN,
        "X-Amz-ClientId": "viewer-1",
        "X-Amz-Credential": f"{KEYS[0]}/20260203/eu-west-1/kinesisvideo/aws4_request",
        "X-Amz-Date": "20260203T040506Z",
        "X-Amz-Expires": "299",
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": "defe89a74518e2e437a88c0be608e1fe11468e1a71a9eaa83fef3f8b07d9da54",
    }


@pytest.mark.parametrize("token", [None, "IQoJb3Jp/Z2lu+X2Vj=="])
@pytest.mark.parametrize(
    "endpoint",
    ["wss://v-1.kinesisvideo.eu-west-1.amazonaws.com", "ws://127.0.0.1:8123", "wss://h:8443/"],
)
def test_signature_is_the_reference_algorithms(endpoint, token):
    url = sign(endpoint, token, **{"X-Amz-ClientId": "v.1_2-3"})
    fields = dict(parse_qsl(urlsplit(url).query))
    assert fields["X-Amz-Signature"] == signature_by_hand(url, KEYS[1], "eu-west-1")
    assert fields.get("X-Amz-Security-Token") == token
    assert urlsplit(url).path == "/"
    assert url.startswith(endpoint.rstrip("/"))


@given(
    token=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80),
    client_id=st.from_regex(r"[a-zA-Z0-9_.-]{1,40}", fullmatch=True),
)
def test_signature_is_the_local_clouds_for_any_token_and_client(token, client_id):
    ours = sign("ws://127.0.0.1:9000/signaling", token, **{"X-Amz-ClientId": client_id})
    theirs = presign_websocket(
        "ws://127.0.0.1:9000/signaling",
        access_key=KEYS[0],
        secret_key=KEYS[1],
        session_token=token,
        region="eu-west-1",
        parameters={"X-Amz-ChannelARN": ARN, "X-Amz-ClientId": client_id},
        now=NOW,
    )
    assert dict(parse_qsl(urlsplit(ours).query)) == dict(parse_qsl(urlsplit(theirs).query))


def test_default_port_is_not_part_of_the_signed_host():
    signed = [sign(f"wss://h.example{port}") for port in ("", ":443")]
    signatures = {dict(parse_qsl(urlsplit(url).query))["X-Amz-Signature"] for url in signed}
    assert len(signatures) == 1
