"""A viewer over wss and turns, with an authority that this machine does not know."""

from collections.abc import AsyncIterator

import pytest
from tests.engine.conftest import Channel

from peerdeck.core.channel import Role
from peerdeck.core.ice import IceServer, IceUri
from peerdeck.core.join import PathPolicy
from peerdeck.core.secret import Secret
from peerdeck.engine.signaling import SignalingUnreachable
from peerdeck.localcloud.camera import DemoCamera
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import demo_seed


@pytest.fixture
async def local_cloud() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(demo_seed(), tls=True) as cloud:
        yield cloud


@pytest.fixture
async def secure(local_cloud: LocalCloud) -> AsyncIterator[Channel]:
    found = Channel(local_cloud, *local_cloud.live_channels[0])
    channels = local_cloud.state.channels
    channel = channels.by_arn(found.region, found.arn)
    label = channels.endpoint_label(found.region, channel, Role.VIEWER, "WSS")
    found.wss = f"wss://127.0.0.1:{local_cloud.ports.https}/{label}"
    keys = local_cloud.device_credentials
    camera = DemoCamera(
        channel_arn=found.arn,
        region=found.region,
        endpoints=local_cloud.endpoints,
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        width=320,
        height=180,
        fps=15,
        tls=local_cloud.authority.client_context(),
    )
    await camera.start()
    yield found
    await found.aclose()
    await camera.aclose()


def relayed_over_tls(cloud: LocalCloud) -> tuple[IceServer, ...]:
    username, password = cloud.turn.issue()
    uri = IceUri.parse(f"turns:127.0.0.1:{cloud.turn.tls_port}?transport=tcp")
    return (IceServer((uri,), username, Secret(password)),)


async def test_signaling_and_turn_believe_the_authority_that_is_given(secure: Channel) -> None:
    joined = secure.join(
        ice_servers=relayed_over_tls(secure.cloud),
        policy=PathPolicy.RELAY,
        tls=secure.cloud.authority.client_context(),
    )
    await joined.until(lambda session: session.frames)
    pair = joined.session.sample()["master"].pair
    assert (pair.local_kind, pair.protocol) == ("relay", "tls")


async def test_an_unknown_authority_is_said(secure: Channel) -> None:
    error = await secure.join().failure()
    assert isinstance(error, SignalingUnreachable)
    assert "not trusted" in str(error)
