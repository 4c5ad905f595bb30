"""Every member of every request, by botocore's models: what AWS refuses is refused, no more.

Raw signed HTTP, so that no client validates first.
"""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest
from tests.localcloud.model_cases import SERVED, Case, Member, cases, members, operation_model

from peerdeck.core.channel import Role
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.operations import OPERATIONS
from peerdeck.localcloud.seed import Seed, SeedChannel
from peerdeck.localcloud.sigv4 import sign_headers

REGION = "eu-west-1"
PROTOCOLS = {"kinesis-video-signaling": "HTTPS", "kinesis-video-webrtc-storage": "WEBRTC"}


@pytest.fixture
def cloud_seed() -> Seed:
    return Seed(channels=(SeedChannel(REGION, "door"),))


class Caller:
    """Signed requests of any operation with any fields."""

    def __init__(self, cloud: LocalCloud, session: aiohttp.ClientSession) -> None:
        self._cloud = cloud
        self._session = session
        cloud.state.quotas.enforced = False  # hundreds of calls at once are the point here

    def _url(self, service: str) -> str:
        protocol = PROTOCOLS.get(service)
        if protocol is None:
            return self._cloud.state.base_url
        channels = self._cloud.state.channels
        door = channels.by_name(REGION, "door")
        label = channels.endpoint_label(REGION, door, Role.VIEWER, protocol)
        return f"{self._cloud.state.base_url}/{label}"

    async def __call__(
        self, member: Member, fields: object
    ) -> tuple[aiohttp.ClientResponse, dict[str, str]]:
        model = operation_model(member.service, member.operation)
        url = self._url(member.service) + model.http["requestUri"]
        headers = {"Content-Type": "application/json"}
        tunneling = member.service == "iotsecuretunneling"
        if tunneling:
            headers["X-Amz-Target"] = f"IoTSecuredTunneling.{member.operation}"
        keys = self._cloud.credentials
        body = json.dumps(fields).encode()
        signed = sign_headers(
            "POST",
            url,
            body=body,
            access_key=keys.access_key,
            secret_key=keys.secret_key.reveal(),
            region=REGION,
            service="IoTSecuredTunneling" if tunneling else "kinesisvideo",
            now=datetime.now(UTC),
            headers=headers,
        )
        async with self._session.post(url, data=body, headers=signed) as response:
            return response, await response.json(content_type=None)


@pytest.fixture
async def call(local_cloud: LocalCloud) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as session:
        yield Caller(local_cloud, session)


def verdict(
    member: Member, case: Case, answer: tuple[aiohttp.ClientResponse, dict[str, str]]
) -> str:
    """What is wrong with the answer, or ""."""
    response, body = answer
    tunneling = member.service == "iotsecuretunneling"
    code = body.get("__type", "") if tunneling else response.headers.get("x-amzn-ErrorType", "")
    message = body.get("message", "") or body.get("Message", "")
    invalid = "ValidationException" if tunneling else "InvalidArgumentException"
    if response.status >= 500:
        return f"{response.status} {code}"
    if not case.broken:
        refused = code == "SerializationException" or "validation error" in message
        return f"refused: {code} {message}" if refused else ""
    if case.broken == "type":
        fits = (response.status, code) == (400, "SerializationException")
        fits = fits and "can not be converted" in message
        return "" if fits else f"{response.status} {code} {message}"
    words = "Member must not be null" if case.broken == "null" else case.broken
    field = "message" if tunneling or "webrtc" in member.service else "Message"
    fits = (response.status, code) == (400, invalid) and set(body) - {"__type"} == {field}
    fits = fits and f"at '{case.path}' failed to satisfy constraint" in message and words in message
    return "" if fits else f"{response.status} {code} {sorted(body)} {message}"


@pytest.mark.parametrize("member", members(), ids=lambda member: member.name)
async def test_a_member_takes_what_its_model_says_and_nothing_else(
    call: Caller, member: Member
) -> None:
    wrong = []
    count = 0
    for case in cases(member):
        count += 1
        problem = verdict(member, case, await call(member, case.fields))
        if problem:
            wrong.append(f"{case.broken or 'fits'}: {str(case.fields)[:200]} -> {problem[:300]}")
    assert not wrong, "\n".join(wrong)
    assert count >= 4


@pytest.mark.parametrize("fields", [None, 5, "x", [], True, 1.5])
async def test_a_request_that_is_no_object_is_no_request(call: Caller, fields: object) -> None:
    member = next(m for m in members() if m.operation == "ListSignalingChannels")
    response, body = await call(member, fields)
    assert response.status == 400
    assert response.headers["x-amzn-ErrorType"] == "SerializationException"
    assert "structure" in body["message"]


def test_every_operation_that_is_served_is_walked() -> None:
    walked = {(service, name) for service, names in SERVED.items() for name in names}
    assert walked == OPERATIONS.keys() - {("sts", "GetCallerIdentity")}
