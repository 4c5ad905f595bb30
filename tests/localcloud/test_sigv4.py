"""Our SigV4 against botocore's, in both directions, and every reason to refuse."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from peerdeck.core.secret import Secret
from peerdeck.localcloud.sigv4 import (
    AccessKey,
    Fault,
    SignatureRefusedError,
    SignedRequest,
    presign_websocket,
    sign_headers,
    verify_headers,
    verify_query,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
KEY, SECRET_KEY, TOKEN = "AKIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "session/token+with=odd&chars"
ARN = "arn:aws:kinesisvideo:eu-west-1:111122223333:channel/front-door/1700000000000"
KEYS = {KEY: AccessKey(Secret(SECRET_KEY))}
TEMPORARY = {
    KEY: AccessKey(Secret(SECRET_KEY), Secret(TOKEN), (NOW + timedelta(hours=1)).timestamp())
}


@pytest.fixture(autouse=True)
def _frozen_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: NOW)


def botocore_signed(
    method: str, url: str, *, body: bytes = b"", token: str | None = None, **headers: str
) -> SignedRequest:
    request = AWSRequest(method, url, headers=dict(headers), data=body)
    credentials = Credentials(KEY, SECRET_KEY, token)
    botocore.auth.SigV4Auth(credentials, "kinesisvideo", "eu-west-1").add_auth(request)
    parts = urlsplit(url)
    lower = {name.lower(): value for name, value in request.headers.items()}
    return SignedRequest(
        method, parts.path or "/", parts.query, {"host": parts.netloc, **lower}, body
    )


def botocore_presigned(url: str, *, token: str | None = None, expires_s: int = 299) -> str:
    request = AWSRequest("GET", url)
    credentials = Credentials(KEY, SECRET_KEY, token)
    auth = botocore.auth.SigV4QueryAuth(credentials, "kinesisvideo", "eu-west-1", expires_s)
    auth.add_auth(request)
    return str(request.url)


def as_request(url: str, method: str = "GET") -> SignedRequest:
    parts = urlsplit(url)
    return SignedRequest(method, parts.path or "/", parts.query, {"host": parts.netloc})


def refused(
    request: SignedRequest,
    keys: dict[str, AccessKey] = KEYS,
    at: datetime = NOW,
    service: str = "kinesisvideo",
) -> tuple[Fault, str]:
    verify = verify_headers if "authorization" in request.headers else verify_query
    with pytest.raises(SignatureRefusedError) as caught:
        verify(request, keys, now=at.timestamp(), service=service)
    return caught.value.fault, caught.value.message


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("client_id", ["", "viewer-1._x"])
def test_presigning_gives_botocores_signature(token: str | None, client_id: str) -> None:
    parameters = {"X-Amz-ChannelARN": ARN} | ({"X-Amz-ClientId": client_id} if client_id else {})
    ours = presign_websocket(
        "wss://v-1a2b.kinesisvideo.eu-west-1.amazonaws.com",
        access_key=KEY,
        secret_key=SECRET_KEY,
        session_token=token or "",
        region="eu-west-1",
        parameters=parameters,
        now=NOW,
    )
    query = "&".join(
        f"{k}={v.replace(':', '%3A').replace('/', '%2F')}" for k, v in parameters.items()
    )
    theirs = botocore_presigned(
        f"https://v-1a2b.kinesisvideo.eu-west-1.amazonaws.com/?{query}", token=token
    )
    assert dict(parse_qsl(urlsplit(ours).query)) == dict(parse_qsl(urlsplit(theirs).query))


@pytest.mark.parametrize("token", [None, TOKEN])
def test_signing_headers_gives_botocores_authorization(token: str | None) -> None:
    url, body = "http://127.0.0.1:8080/r-1a/v1/get-ice-server-config?b=2&a=%C3%A4%2B1", b'{"a": 1}'
    theirs = botocore_signed("POST", url, body=body, token=token, **{"Content-Type": "x/json"})
    ours = sign_headers(
        "POST",
        url,
        body=body,
        access_key=KEY,
        secret_key=SECRET_KEY,
        session_token=token or "",
        region="eu-west-1",
        service="kinesisvideo",
        now=NOW,
        headers={"Content-Type": "x/json"},
    )
    assert ours["Authorization"] == theirs.headers["authorization"]


@given(
    path=st.text("abcXYZ019-._~/%20", max_size=20).map(lambda p: "/" + p.replace("%", "%25")),
    query=st.dictionaries(st.text("abcZ09-_", min_size=1), st.text("ab 9/:=+äß~", max_size=8)),
    body=st.binary(max_size=64),
)
def test_what_botocore_signs_is_accepted(path: str, query: dict[str, str], body: bytes) -> None:
    if "//" in path or "/." in path:  # botocore normalises these, no client here sends them
        return
    url = f"http://127.0.0.1:8080{path}?{urlencode(query, quote_via=quote)}"
    scope = verify_headers(
        botocore_signed("POST", url, body=body), KEYS, now=NOW.timestamp(), service="kinesisvideo"
    )
    assert (scope.access_key, scope.region, scope.service) == (KEY, "eu-west-1", "kinesisvideo")


@pytest.mark.parametrize("token", [None, TOKEN])
def test_what_botocore_presigns_is_accepted(token: str | None) -> None:
    url = botocore_presigned(f"https://host:8443/v-1?X-Amz-ChannelARN={ARN}", token=token)
    keys = TEMPORARY if token else KEYS
    scope = verify_query(as_request(url), keys, now=NOW.timestamp(), service="kinesisvideo")
    assert scope.region == "eu-west-1"


def test_headers_with_spaces_and_repeats_are_canonical() -> None:
    request = botocore_signed("POST", "http://h/", **{"X-Amz-Meta": "  a   b  "})
    verify_headers(request, KEYS, now=NOW.timestamp(), service="kinesisvideo")


def test_a_request_without_signature_is_missing_a_token() -> None:
    request = SignedRequest("POST", "/", "", {"host": "h", "authorization": ""})
    assert refused(request) == (Fault.MISSING, "Missing Authentication Token")
    assert refused(as_request("http://h/")) == (Fault.MISSING, "Missing Authentication Token")


@pytest.mark.parametrize("name", ["body", "method", "path", "query", "host"])
def test_changing_anything_signed_breaks_the_signature(name: str) -> None:
    good = botocore_signed("POST", "http://h/p?a=1", body=b"{}")
    changed = {
        "body": SignedRequest("POST", "/p", "a=1", good.headers, b"{ }"),
        "method": SignedRequest("PUT", "/p", "a=1", good.headers, b"{}"),
        "path": SignedRequest("POST", "/q", "a=1", good.headers, b"{}"),
        "query": SignedRequest("POST", "/p", "a=2", good.headers, b"{}"),
        "host": SignedRequest("POST", "/p", "a=1", {**good.headers, "host": "x"}, b"{}"),
    }[name]
    fault, message = refused(changed)
    assert fault is Fault.MISMATCH
    assert message.startswith("The request signature we calculated does not match")


def test_a_declared_payload_hash_must_be_that_of_the_body() -> None:
    good = botocore_signed("POST", "http://h/", **{"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    assert refused(good)[0] is Fault.MISMATCH


def test_a_wrong_secret_key_does_not_match() -> None:
    keys = {KEY: AccessKey(Secret("another"))}
    assert refused(botocore_signed("POST", "http://h/"), keys)[0] is Fault.MISMATCH
    assert refused(as_request(botocore_presigned("http://h/")), keys)[0] is Fault.MISMATCH


def test_an_unknown_access_key_is_named_an_invalid_token() -> None:
    fault, message = refused(botocore_signed("POST", "http://h/"), {})
    assert (fault, message) == (
        Fault.UNKNOWN_KEY,
        "The security token included in the request is invalid.",
    )


@pytest.mark.parametrize(("keys", "token"), [(TEMPORARY, None), (KEYS, TOKEN), (TEMPORARY, "x")])
def test_the_session_token_must_be_the_keys_own(
    keys: dict[str, AccessKey], token: str | None
) -> None:
    assert refused(botocore_signed("POST", "http://h/", token=token), keys)[0] is Fault.UNKNOWN_KEY
    presigned = as_request(botocore_presigned("http://h/", token=token))
    assert refused(presigned, keys)[0] is Fault.UNKNOWN_KEY


def test_temporary_keys_end() -> None:
    late = NOW + timedelta(hours=1)
    fault, message = refused(botocore_signed("POST", "http://h/", token=TOKEN), TEMPORARY, late)
    assert (fault, message) == (
        Fault.EXPIRED_TOKEN,
        "The security token included in the request is expired",
    )


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (5.1, "Signature expired: 20260301T120000Z is now earlier than 20260301T120006Z "),
        (-5.1, "Signature not yet current: 20260301T120000Z is still later than 20260301T115954Z "),
    ],
)
def test_a_skewed_clock_is_told_both_times(minutes: float, words: str) -> None:
    at = NOW + timedelta(minutes=minutes)
    fault, message = refused(botocore_signed("POST", "http://h/"), at=at)
    assert fault is Fault.MISMATCH
    assert message.startswith(words)


@pytest.mark.parametrize("minutes", [-4.9, 4.9])
def test_five_minutes_of_skew_are_forgiven(minutes: float) -> None:
    at = (NOW + timedelta(minutes=minutes)).timestamp()
    verify_headers(botocore_signed("POST", "http://h/"), KEYS, now=at, service="kinesisvideo")


def test_a_presigned_url_lives_as_long_as_it_says() -> None:
    request = as_request(botocore_presigned("http://h/", expires_s=10))
    at = NOW + timedelta(seconds=10)
    verify_query(request, KEYS, now=at.timestamp(), service="kinesisvideo")
    fault, message = refused(request, at=at + timedelta(seconds=1))
    assert fault is Fault.MISMATCH
    assert message.startswith("Signature expired: ")


@pytest.mark.parametrize("expires", ["0", "604801", "-1", "x", "9" * 5000])
def test_an_absurd_expiry_is_incomplete(expires: str) -> None:
    url = botocore_presigned("http://h/").replace("X-Amz-Expires=299", f"X-Amz-Expires={expires}")
    assert refused(as_request(url))[0] is Fault.INCOMPLETE


@pytest.mark.parametrize(
    "absent", ["X-Amz-Algorithm", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature"]
)
def test_a_missing_query_parameter_is_named(absent: str) -> None:
    url = botocore_presigned("http://h/").replace(absent + "=", "Other=")
    fault, message = refused(as_request(url))
    assert fault is Fault.INCOMPLETE
    assert f"'{absent}'" in message


@pytest.mark.parametrize(
    ("authorization", "words"),
    [
        ("Bearer x", "requires 'AWS4-HMAC-SHA256'"),
        ("AWS4-HMAC-SHA256 Credential=a/20260301/r/kinesisvideo/aws4_request", "'SignedHeaders'"),
        ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=x", "slash-delimited"),
        (
            "AWS4-HMAC-SHA256 Credential=/20260301/r/x/aws4_request, SignedHeaders=h, Signature=x",
            "slash-delimited",
        ),
    ],
)
def test_a_malformed_authorization_is_incomplete(authorization: str, words: str) -> None:
    headers = {"host": "h", "authorization": authorization, "x-amz-date": "20260301T120000Z"}
    fault, message = refused(SignedRequest("POST", "/", "", headers))
    assert fault is Fault.INCOMPLETE
    assert words in message


def test_the_date_must_be_there_and_in_basic_format() -> None:
    good = botocore_signed("POST", "http://h/")
    headers = {**good.headers}
    del headers["x-amz-date"]
    assert refused(SignedRequest("POST", "/", "", headers))[0] is Fault.INCOMPLETE
    headers["x-amz-date"] = "20260301 noon"
    assert refused(SignedRequest("POST", "/", "", headers)) == (
        Fault.INCOMPLETE,
        "Date must be in ISO-8601 'basic format'.",
    )


def test_the_scope_must_name_the_days_date_and_the_service() -> None:
    good = botocore_signed("POST", "http://h/")
    fault, message = refused(good, service="sts")
    assert (fault, message) == (
        Fault.MISMATCH,
        "Credential should be scoped to correct service: 'sts'.",
    )
    other_day = {**good.headers, "x-amz-date": "20260302T120000Z"}
    fault, message = refused(SignedRequest("POST", "/", "", other_day))
    assert message.startswith("Date in Credential scope does not match YYYYMMDD")


@pytest.mark.parametrize("unsigned", ["host", "x-amz-date"])
def test_host_and_date_must_be_signed(unsigned: str, monkeypatch: pytest.MonkeyPatch) -> None:
    every_header = botocore.auth.SigV4Auth.headers_to_sign

    def careless(auth: botocore.auth.SigV4Auth, request: AWSRequest) -> object:
        headers = every_header(auth, request)
        del headers[unsigned]
        if "x-other" not in headers:
            headers["x-other"] = "1"
        return headers

    monkeypatch.setattr(botocore.auth.SigV4Auth, "headers_to_sign", careless)
    signed = botocore_signed("POST", "http://h/", **{"X-Other": "1"})
    assert refused(signed)[0] is Fault.MISMATCH
    if unsigned == "host":
        get = as_request(botocore_presigned("http://h/"))
        presigned = SignedRequest("GET", "/", get.query, {**get.headers, "x-other": "1"})
        assert refused(presigned)[0] is Fault.MISMATCH


def test_bytes_that_are_no_text_are_refused_not_a_crash() -> None:
    good = botocore_signed("POST", "http://h/")
    odd = {**good.headers, "x-amz-security-token": "\udcff", "host": "\udcfe"}
    assert refused(SignedRequest("POST", "/", "", odd))[0] is Fault.UNKNOWN_KEY
    del odd["x-amz-security-token"]
    assert refused(SignedRequest("POST", "/\udcff", "a=\udcff", odd))[0] is Fault.MISMATCH
