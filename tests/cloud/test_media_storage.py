"""Channels that store their media, on the local cloud."""

import pytest
from tests.cloud.test_local_cloud import REGION, account, cloud, front_door

from peerdeck.cloud.errors import CloudError, Kind

__all__ = ["account", "cloud"]
STREAM = f"arn:aws:kinesisvideo:{REGION}:111122223333:stream/yard/1700000000000"


async def test_a_channel_that_stores_its_media_is_told_apart_and_can_be_joined(cloud, account):
    channel = await front_door(account)
    video = account.kinesis_video(REGION)
    assert not await video.stores_media(channel.arn)
    cloud.state.channels.store_in(REGION, channel.arn, STREAM)
    assert await video.stores_media(channel.arn)
    await video.join_storage_session(channel.arn)
    assert len(cloud.signaling.storage_sessions(channel.arn)) == 1


async def test_a_channel_that_does_not_cannot_be_joined_so(account):
    channel = await front_door(account)
    with pytest.raises(CloudError) as caught:
        await account.kinesis_video(REGION).join_storage_session(channel.arn)
    assert caught.value.kind is Kind.INVALID
