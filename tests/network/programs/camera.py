"""The demo's camera on a machine of its own. argv: its channel's name.

The environment says where the cloud is, and with which keys. Prints a line when online; ends with
its standard input.
"""

import asyncio
import os
import sys

from peerdeck.cloud.account import AwsAccount
from peerdeck.core.endpoints import Endpoints
from peerdeck.core.secret import Secret
from peerdeck.localcloud.camera import DemoCamera


async def arn_of(name: str, region: str) -> str:
    account = AwsAccount()
    try:
        async for page in account.kinesis_video(region).list_channels():
            for channel in page:
                if channel.name == name:
                    return channel.arn
    finally:
        await account.aclose()
    raise LookupError(name)


async def main() -> None:
    region = os.environ["AWS_DEFAULT_REGION"]
    camera = DemoCamera(
        channel_arn=await arn_of(sys.argv[1], region),
        region=region,
        endpoints=Endpoints.from_environment(os.environ),
        access_key=os.environ["AWS_ACCESS_KEY_ID"],
        secret_key=Secret(os.environ["AWS_SECRET_ACCESS_KEY"]),
        width=640,
        height=360,
    )
    await camera.start()
    await camera.online.wait()
    sys.stdout.write("online\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await camera.aclose()


asyncio.run(main())
