"""Real AWS clients against the local cloud."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.localcloud.signaling_client import Door

from peerdeck.localcloud.cloud import LocalCloud

REGION = "eu-west-1"
_ENDPOINTS = {
    "kinesisvideo": "kinesis_video",
    "kinesis-video-signaling": "kinesis_video_signaling",
    "kinesis-video-webrtc-storage": "kinesis_video",
    "iotsecuretunneling": "iot_secure_tunneling",
    "sts": "sts",
}


class AwsClient:
    """boto3's client; its calls run on a thread, since the cloud runs on this loop."""

    def __init__(self, client: Any) -> None:
        self.boto = client

    async def __call__(self, operation: str, **fields: Any) -> dict[str, Any]:
        answer: dict[str, Any] = await asyncio.to_thread(getattr(self.boto, operation), **fields)
        return answer

    async def refusal(self, operation: str, **fields: Any) -> tuple[int, str, str]:
        """Status, code and message of a call that must be refused."""
        with pytest.raises(ClientError) as caught:
            await self(operation, **fields)
        error = caught.value.response["Error"]
        status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
        return status, error["Code"], error["Message"]

    async def pages(self, operation: str, **fields: Any) -> list[dict[str, Any]]:
        paginator = self.boto.get_paginator(operation)
        return await asyncio.to_thread(lambda: list(paginator.paginate(**fields)))


AwsClients = Callable[..., AwsClient]


@pytest.fixture
async def aws(local_cloud: LocalCloud) -> AsyncIterator[AwsClients]:
    """Makes clients: aws("sts", region=…, endpoint=…, access_key=…, secret_key=…, token=…)."""
    clients = []

    def make(
        service: str,
        *,
        region: str = REGION,
        endpoint: str = "",
        access_key: str = "",
        secret_key: str = "",
        token: str | None = None,
        validate: bool = True,
    ) -> AwsClient:
        keys = local_cloud.credentials
        client = boto3.client(
            service,
            region_name=region,
            endpoint_url=endpoint or getattr(local_cloud.endpoints, _ENDPOINTS[service]),
            aws_access_key_id=access_key or keys.access_key,
            aws_secret_access_key=secret_key or keys.secret_key.reveal(),
            aws_session_token=token,
            config=Config(
                retries={"total_max_attempts": 1}, parameter_validation=validate, read_timeout=5
            ),
        )
        clients.append(client)
        return AwsClient(client)

    yield make
    for client in clients:
        client.close()


async def endpoints_of(kinesis_video: AwsClient, arn: str, role: str) -> dict[str, str]:
    """A channel's endpoints by protocol."""
    answer = await kinesis_video(
        "get_signaling_channel_endpoint",
        ChannelARN=arn,
        SingleMasterChannelEndpointConfiguration={"Protocols": ["WSS", "HTTPS"], "Role": role},
    )
    return {e["Protocol"]: e["ResourceEndpoint"] for e in answer["ResourceEndpointList"]}


@pytest.fixture
def front_door(local_cloud: LocalCloud) -> str:
    """The ARN of the demo's live channel."""
    return local_cloud.live_channels[0][1]


@pytest.fixture
async def door(local_cloud: LocalCloud) -> AsyncIterator[Door]:
    """Connects to the live channel's signaling."""
    async with aiohttp.ClientSession() as session:
        yield Door(local_cloud, local_cloud.live_channels[0][1], session)
