"""Whatever is wrong with a request is said in AWS's codes, statuses and words."""

import io
import json
import logging
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest
from tests.conftest import ShiftedClock
from tests.localcloud.conftest import AwsClients

from peerdeck.core.secret import Secret
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import Seed, SeedChannel
from peerdeck.localcloud.sigv4 import AccessKey, sign_headers

TEMPORARY_KEY, TEMPORARY_SECRET, TOKEN = "ASIAEXAMPLE", "temporary-secret", "session-token"
PATH = "/listSignalingChannels"
CALLS = [
    ("kinesisvideo", "list_signaling_channels", 403),
    ("iotsecuretunneling", "list_tunnels", 400),
    ("sts", "get_caller_identity", 403),
]


@pytest.fixture
def cloud_seed() -> Seed:
    key = AccessKey(Secret(TEMPORARY_SECRET), Secret(TOKEN), 4_000_000_000.0)
    return Seed(
        channels=(SeedChannel("eu-west-1", "front-door"),),
        access_key="AKIAEXAMPLE",
        secret_key=Secret("long-term-secret"),
        keys={TEMPORARY_KEY: key},
    )


class Raw:
    """Signed requests whose every part a test may spoil."""

    def __init__(self, cloud: LocalCloud, session: aiohttp.ClientSession) -> None:
        self._cloud = cloud
        self._session = session

    async def post(
        self, path: str = PATH, body: bytes = b"{}", *, sign: bool = True, **headers: str
    ) -> tuple[aiohttp.ClientResponse, str]:
        url = self._cloud.endpoints.kinesis_video + path
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if sign:
            keys = self._cloud.credentials
            form = "Content-Type" in given
            target = "X-Amz-Target" in given
            service = "sts" if form else "IoTSecuredTunneling" if target else "kinesisvideo"
            given = sign_headers(
                "POST",
                url,
                body=body,
                access_key=keys.access_key,
                secret_key=keys.secret_key.reveal(),
                region="eu-west-1",
                service=service,
                now=datetime.now(UTC),
                headers=given,
            )
        async with self._session.post(url, data=io.BytesIO(body), headers=given) as response:
            return response, await response.text()


@pytest.fixture
async def raw(local_cloud: LocalCloud) -> Any:
    async with aiohttp.ClientSession() as session:
        yield Raw(local_cloud, session)


FORM = "application/x-www-form-urlencoded"
IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"


@pytest.mark.parametrize(("service", "operation", "status"), CALLS)
async def test_a_wrong_secret_key_is_refused(
    aws: AwsClients, service: str, operation: str, status: int
) -> None:
    code = "SignatureDoesNotMatch" if service == "sts" else "InvalidSignatureException"
    refusal = await aws(service, secret_key="wrong").refusal(operation)
    assert refusal[:2] == (status, code)
    assert refusal[2].startswith("The request signature we calculated does not match")


@pytest.mark.parametrize(("service", "operation", "status"), CALLS)
async def test_an_unknown_access_key_is_refused(
    aws: AwsClients, service: str, operation: str, status: int
) -> None:
    code = "InvalidClientTokenId" if service == "sts" else "UnrecognizedClientException"
    refusal = await aws(service, access_key="AKIASTRANGER").refusal(operation)
    assert refusal == (status, code, "The security token included in the request is invalid.")


@pytest.mark.parametrize(("service", "operation", "status"), CALLS)
@pytest.mark.parametrize("ahead_s", [301, -301])
async def test_a_skewed_clock_is_refused_and_the_date_header_tells_the_right_time(
    aws: AwsClients,
    raw: Raw,
    cloud_clock: ShiftedClock,
    service: str,
    operation: str,
    status: int,
    ahead_s: int,
) -> None:
    cloud_clock.ahead_s = ahead_s
    refusal = await aws(service).refusal(operation)
    assert refusal[0] == status
    words = "Signature expired: " if ahead_s > 0 else "Signature not yet current: "
    assert refusal[2].startswith(words)
    response, _ = await raw.post()
    date = parsedate_to_datetime(response.headers["Date"]).timestamp()
    assert date == pytest.approx(cloud_clock(), abs=5)


@pytest.mark.parametrize(("service", "operation", "status"), CALLS)
async def test_temporary_keys_work_with_their_token_until_they_end(
    aws: AwsClients, local_cloud: LocalCloud, service: str, operation: str, status: int
) -> None:
    keys = {"access_key": TEMPORARY_KEY, "secret_key": TEMPORARY_SECRET}
    await aws(service, token=TOKEN, **keys)(operation)
    refusal = await aws(service, **keys).refusal(operation)
    assert refusal[2] == "The security token included in the request is invalid."
    secret = Secret(TEMPORARY_SECRET)
    local_cloud.state.keys[TEMPORARY_KEY] = AccessKey(secret, Secret(TOKEN), 1.0)
    refusal = await aws(service, token=TOKEN, **keys).refusal(operation)
    code = "ExpiredToken" if service == "sts" else "ExpiredTokenException"
    assert refusal[:2] == (status, code)


async def test_the_caller_is_a_user_or_a_roles_session(aws: AwsClients) -> None:
    user = await aws("sts")("get_caller_identity")
    assert user["Account"] == "111122223333"
    assert user["Arn"] == "arn:aws:iam::111122223333:user/demo"
    keys = {"access_key": TEMPORARY_KEY, "secret_key": TEMPORARY_SECRET, "token": TOKEN}
    session = await aws("sts", **keys)("get_caller_identity")
    assert session["Arn"] == "arn:aws:sts::111122223333:assumed-role/Operator/demo"


async def test_every_answer_carries_a_request_id_of_its_own(aws: AwsClients) -> None:
    ids = set()
    for service, operation, _ in CALLS:
        answer = await aws(service)(operation)
        ids.add(answer["ResponseMetadata"]["RequestId"])
    assert len(ids) == 3
    assert all(re.fullmatch(r"[0-9a-f-]{36}", one) for one in ids)


async def test_rest_json_errors_have_their_code_in_the_header(raw: Raw) -> None:
    response, body = await raw.post("/describeSignalingChannel", b'{"ChannelName": "x"}')
    assert response.headers["x-amzn-ErrorType"] == "ResourceNotFoundException"
    assert set(json.loads(body)) == {"Message"}
    response, body = await raw.post(sign=False)
    assert response.status == 403
    assert response.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    assert json.loads(body) == {"message": "Missing Authentication Token"}


async def test_json_errors_have_their_code_in_the_body(raw: Raw) -> None:
    target = {"X_Amz_Target": "IoTSecuredTunneling.DescribeTunnel"}
    response, body = await raw.post("/", b'{"tunnelId": "x"}', **target)
    assert response.status == 400
    assert response.content_type == "application/x-amz-json-1.1"
    assert json.loads(body) == {
        "__type": "ResourceNotFoundException",
        "message": "Tunnel x not found.",
    }


async def test_query_errors_are_xml(raw: Raw) -> None:
    response, body = await raw.post("/", IDENTITY, sign=False, Content_Type=FORM)
    assert response.status == 403
    assert "<Code>MissingAuthenticationToken</Code>" in body
    response, body = await raw.post("/", b"Action=AssumeTea", Content_Type=FORM)
    assert (response.status, "<Code>InvalidAction</Code>" in body) == (400, True)
    response, body = await raw.post("/", b"Version=1", Content_Type=FORM)
    assert (response.status, "<Code>MissingAction</Code>" in body) == (400, True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "Unable to parse"),
        (b"\xff", "Unable to parse"),
        (b"[" * 100_000, "Unable to parse"),
        (b"[]", "START_ARRAY can not be converted to a structure"),
        (b'{"MaxResults": "5"}', "STRING_VALUE can not be converted to an Integer"),
        (b'{"MaxResults": true}', "BOOLEAN_VALUE can not be converted to an Integer"),
        (b'{"NextToken": 5}', "NUMBER_VALUE can not be converted to a String"),
        (b'{"ChannelNameCondition": "x"}', "STRING_VALUE can not be converted to a structure"),
    ],
)
async def test_what_is_no_request_is_a_serialization_exception(
    raw: Raw, body: bytes, words: str
) -> None:
    response, text = await raw.post(body=body)
    assert response.status == 400
    assert response.headers["x-amzn-ErrorType"] == "SerializationException"
    assert words in json.loads(text)["message"]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"Unknown": 1, "MaxResults": null}'])
async def test_unknown_and_null_fields_are_ignored(raw: Raw, body: bytes) -> None:
    response, text = await raw.post(body=body)
    assert response.status == 200
    assert [c["ChannelName"] for c in json.loads(text)["ChannelInfoList"]] == ["front-door"]


@pytest.mark.parametrize(
    ("path", "status"), [("/nothing", 404), ("/createStream", 400), ("/%2e%2e/", 404)]
)
async def test_an_unknown_operation_is_named_so(raw: Raw, path: str, status: int) -> None:
    response, _ = await raw.post(path)
    assert response.status == status
    assert response.headers["x-amzn-ErrorType"] == "UnknownOperationException"


@pytest.mark.parametrize("target", ["IoTSecuredTunneling.Dig", "Other.OpenTunnel", "x"])
async def test_an_unknown_target_is_an_unknown_operation(raw: Raw, target: str) -> None:
    response, body = await raw.post("/", X_Amz_Target=target)
    assert response.status == 400
    assert json.loads(body)["__type"] == "UnknownOperationException"


async def test_a_huge_body_is_refused(raw: Raw) -> None:
    response, _ = await raw.post(body=b" " * ((1 << 20) + 1))
    assert response.status == 413


async def test_a_signature_for_another_service_is_refused(
    raw: Raw, local_cloud: LocalCloud
) -> None:
    keys = local_cloud.credentials
    signed = sign_headers(
        "POST",
        local_cloud.endpoints.sts + PATH,
        body=b"{}",
        access_key=keys.access_key,
        secret_key=keys.secret_key.reveal(),
        region="eu-west-1",
        service="sts",
        now=datetime.now(UTC),
    )
    response, body = await raw.post(sign=False, **signed)
    assert response.status == 403
    assert "correct service: 'kinesisvideo'" in body


async def test_our_own_mistake_is_an_internal_failure_with_a_traceback_and_no_secret(
    aws: AwsClients,
    local_cloud: LocalCloud,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(local_cloud.state.channels.__class__, "page", broken)
    keys = {"access_key": TEMPORARY_KEY, "secret_key": TEMPORARY_SECRET, "token": TOKEN}
    with caplog.at_level(logging.DEBUG, logger="peerdeck"):
        refusal = await aws("kinesisvideo", **keys).refusal("list_signaling_channels")
    assert refusal == (500, "InternalFailure", "Internal failure")
    assert "Traceback" in caplog.text
    assert "a mistake of ours" in caplog.text
    for secret in (TEMPORARY_SECRET, TOKEN, "Signature="):
        assert secret not in caplog.text


async def test_no_secret_is_logged_or_shown(
    aws: AwsClients, local_cloud: LocalCloud, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="peerdeck"):
        opened = await aws("iotsecuretunneling")("open_tunnel")
        await aws("iotsecuretunneling", secret_key="wrong").refusal("list_tunnels")
    shown = caplog.text + repr(local_cloud.state) + repr(local_cloud.credentials)
    for secret in ("long-term-secret", TOKEN, opened["sourceAccessToken"]):
        assert secret not in shown


async def test_health_needs_no_signature(local_cloud: LocalCloud) -> None:
    url = local_cloud.endpoints.kinesis_video + "/health"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert (response.status, await response.json()) == (200, {"status": "ok"})
