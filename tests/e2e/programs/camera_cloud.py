"""A local cloud with a small camera, a channel without one, and no quotas: AWS takes no such loads.

Prints its environment lines as JSON when clients may come; ends with its standard input.
"""

import asyncio
import json
import sys

from peerdeck.localcloud import messages
from peerdeck.localcloud.camera import DemoCamera
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import Seed, SeedChannel
from peerdeck.localcloud.serve import environment


async def main() -> None:
    seed = Seed(
        channels=(
            SeedChannel("eu-west-1", "front-door", live=True),
            SeedChannel("eu-west-1", "lobby"),
        )
    )
    async with LocalCloud(seed) as cloud:
        cloud.state.quotas.enforced = False
        messages._PER_SECOND.update(dict.fromkeys(messages._PER_SECOND, 1e6))
        region, arn = cloud.live_channels[0]
        keys = cloud.device_credentials
        camera = DemoCamera(
            channel_arn=arn,
            region=region,
            endpoints=cloud.endpoints,
            access_key=keys.access_key,
            secret_key=keys.secret_key,
            width=320,
            height=180,
            fps=20,
        )
        await camera.start()
        sys.stdout.write(json.dumps(environment(cloud)) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        await camera.aclose()


asyncio.run(main())
