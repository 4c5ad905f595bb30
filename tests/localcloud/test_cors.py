"""Pages of other origins may call what AWS lets them call."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from peerdeck.localcloud.cloud import LocalCloud

PAGE = {"Origin": "https://viewer.example"}
OPEN = "Access-Control-Allow-Origin"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def preflight(
    session: aiohttp.ClientSession, url: str, headers: str
) -> aiohttp.ClientResponse:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": headers,
    }
    async with session.options(url, headers={**PAGE, **asked}) as response:
        await response.read()
        return response


async def test_preflight_allows_what_is_asked(
    local_cloud: LocalCloud, session: aiohttp.ClientSession
) -> None:
    wanted = "authorization,content-type,x-amz-date,amz-sdk-request"
    url = f"{local_cloud.endpoints.kinesis_video}/getSignalingChannelEndpoint"
    response = await preflight(session, url, wanted)
    assert response.status == 200
    assert response.headers[OPEN] == "*"
    assert response.headers["Access-Control-Allow-Headers"] == wanted
    assert response.headers["Access-Control-Allow-Methods"] == "POST"
    assert response.headers["Access-Control-Max-Age"] == "172800"


async def test_refusals_can_be_read_by_pages_too(
    local_cloud: LocalCloud, session: aiohttp.ClientSession
) -> None:
    url = f"{local_cloud.endpoints.kinesis_video}/listSignalingChannels"
    async with session.post(url, data=b"{}", headers=PAGE) as response:
        assert response.status == 403
        assert response.headers[OPEN] == "*"
        exposed = response.headers["Access-Control-Expose-Headers"].split(",")
        assert {"x-amzn-ErrorType", "x-amzn-RequestId", "Date"} <= {*exposed}


async def test_faults_are_refusals_that_pages_can_read(
    local_cloud: LocalCloud, session: aiohttp.ClientSession
) -> None:
    await local_cloud.faults.switch_on("throttle", {})
    keys = local_cloud.credentials
    scope = f"Credential={keys.access_key}/20260101/eu-west-1/kinesisvideo/aws4_request"
    headers = {**PAGE, "Authorization": f"AWS4-HMAC-SHA256 {scope}"}
    url = f"{local_cloud.endpoints.kinesis_video}/listSignalingChannels"
    async with session.post(url, data=b"{}", headers=headers) as response:
        assert response.status == 400
        assert response.headers[OPEN] == "*"


async def test_secure_tunneling_is_closed_to_pages(
    local_cloud: LocalCloud, session: aiohttp.ClientSession
) -> None:
    url = local_cloud.endpoints.iot_secure_tunneling
    response = await preflight(session, url, "authorization, x-amz-target")
    assert response.status == 403
    assert OPEN not in response.headers
    target = {"X-Amz-Target": "IoTSecuredTunneling.ListTunnels", **PAGE}
    async with session.post(url, data=b"{}", headers=target) as response:
        assert OPEN not in response.headers


async def test_faults_are_switched_by_no_page(
    local_cloud: LocalCloud, session: aiohttp.ClientSession
) -> None:
    url = f"{local_cloud.admin_url}/faults"
    assert OPEN not in (await preflight(session, url, "content-type")).headers
    async with session.get(url, headers=PAGE) as response:
        assert response.status == 200
        assert OPEN not in response.headers


async def test_without_an_origin_nothing_is_said(
    local_cloud: LocalCloud, session: aiohttp.ClientSession
) -> None:
    url = f"{local_cloud.endpoints.kinesis_video}/listSignalingChannels"
    async with session.post(url, data=b"{}") as response:
        assert OPEN not in response.headers
