"""Composition root: builds the services over AWS or over a local cloud; knows no Qt.

The only place that knows both the console and the local cloud. The demo's cloud runs in a child
process, so that the window's loop carries the console's work alone; the child hands back
endpoints and keys over a pipe and ends when its standard input does, that is: with its parent.
"""

import asyncio
import contextlib
import functools
import gc
import importlib
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from peerdeck.core.endpoints import Endpoints
from peerdeck.core.errors import UserError
from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import Mode
from peerdeck.core.web_proxy import web_proxy_for
from peerdeck.services.account import AccountService, Demo
from peerdeck.services.channels import ChannelsService
from peerdeck.services.faults import Fault, FaultsService, FaultSwitches, Value
from peerdeck.services.ice import IceService
from peerdeck.services.journal import JournalService
from peerdeck.services.proxying import ProxyService, Told
from peerdeck.services.recordings import RecordingsService
from peerdeck.services.sessions import SessionsService
from peerdeck.services.settings import SettingsService
from peerdeck.services.tunnels import TunnelsService
from peerdeck.storage.secrets import SecretStore
from peerdeck.storage.settings import SettingsFile

if TYPE_CHECKING:
    from peerdeck.cloud.account import AwsAccount
    from peerdeck.core.region import Region
    from peerdeck.engine.tunnel import TunnelProxy
    from peerdeck.localcloud.cloud import LocalCloud

CHILD_START_S = 20.0
CHILD_STOP_S = 3.0
FAULT_S = 5.0
ADMIN_VARIABLE = "PEERDECK_LOCALCLOUD_ADMIN"
KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@dataclass(frozen=True, slots=True)
class Console:
    """Every service of one running program."""

    settings: SettingsService
    journal: JournalService
    account: AccountService
    channels: ChannelsService
    ice: IceService
    sessions: SessionsService
    recordings: RecordingsService
    tunnels: TunnelsService
    faults: FaultsService
    secrets: SecretStore

    async def load(self, *, demo: bool = False) -> None:
        """Reads the settings, then signs in; what fails stands in `account.state`."""
        await self.settings.load()
        await self.account.load(demo=demo)

    async def aclose(self) -> None:
        """Leaves sessions, stops proxies, writes settings, ends the demo's cloud."""
        await asyncio.gather(self.sessions.aclose(), self.tunnels.aclose())
        await self.recordings.aclose()
        await self.ice.aclose()
        await self.faults.aclose()
        await self.channels.aclose()
        await self.account.aclose()
        await self.settings.aclose()
        await self.secrets.aclose()


def build_console(
    *,
    environment: Mapping[str, str] = os.environ,
    start_demo: Callable[[], Awaitable[Demo]] | None = None,
    secrets: SecretStore | None = None,
    settings_file: SettingsFile | None = None,
) -> Console:
    """Opens nothing yet: `await console.load(demo=…)` does."""
    journal = JournalService()
    settings = SettingsService(settings_file or SettingsFile(), journal)
    secrets = secrets or SecretStore()
    account = AccountService(
        settings=settings,
        journal=journal,
        open_account=_open_account,
        start_demo=start_demo or DemoCloud.start,
        list_profiles=_profiles,
        list_regions=_regions,
        region_named=_region_named,
        environment=Endpoints.from_environment(environment),
    )
    ice = IceService(account, journal)
    sessions = SessionsService(account, ice, journal)
    return Console(
        settings=settings,
        journal=journal,
        account=account,
        channels=ChannelsService(account, journal),
        ice=ice,
        faults=FaultsService(account, journal),
        secrets=secrets,
        sessions=sessions,
        recordings=RecordingsService(sessions, journal),
        tunnels=TunnelsService(
            account,
            secrets,
            settings,
            journal,
            web_proxy_for=lambda url: web_proxy_for(url, environment),
        ),
    )


def build_proxy(
    *, tell: Callable[[Told], None], secrets: SecretStore | None = None
) -> ProxyService:
    """A local proxy without a console; secrets: where --token-from-keyring finds them."""
    return ProxyService(secrets or SecretStore(), tell=tell)


def warm_up() -> None:
    """Imports what the first join, tunnel and ICE test need, half a second's worth.

    Blocks: to be called on a thread, when the window is there and has nothing better to do.
    """
    for module in ("peerdeck.engine.viewer", "peerdeck.engine.tunnel", "peerdeck.engine.ice_probe"):
        importlib.import_module(module)
    # What is there by now stays. Without this the collector goes through all of it now and then,
    # which holds up everything for 80 ms.
    gc.freeze()


def _open_account(profile: str, endpoints: Endpoints) -> "AwsAccount":
    from peerdeck.cloud.account import AwsAccount

    return AwsAccount(profile=profile or None, endpoints=endpoints)


def _profiles() -> tuple[str, ...]:
    from peerdeck.cloud.account import profiles

    return profiles()


def _regions() -> "tuple[Region, ...]":
    from peerdeck.cloud.account import regions

    return regions()


def _region_named(name: str) -> "Region":
    from peerdeck.cloud.regions import region_named

    return region_named(name)


class DemoCloud:
    """The local cloud with its devices in a child process."""

    def __init__(self, process: asyncio.subprocess.Process, ready: Mapping[str, object]) -> None:
        environment = ready["environment"]
        regions = ready["regions"]
        if not isinstance(environment, dict) or not isinstance(regions, list):
            raise TypeError("the local cloud's ready line has another shape")
        self._process = process
        self._keys = tuple(Secret(environment[name]) for name in KEY_VARIABLES)
        self.endpoints = Endpoints.from_environment(environment)
        self.regions: tuple[str, ...] = tuple(regions)
        self.faults: FaultSwitches = DemoFaults(environment.get(ADMIN_VARIABLE, ""))

    @classmethod
    async def start(cls) -> "DemoCloud":
        """Raises UserError where the child does not come up."""
        process = await asyncio.create_subprocess_exec(
            *_own_command(),
            "localcloud",
            "--devices",
            "--until-eof",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_child_environment(os.environ),
        )
        try:
            async with asyncio.timeout(CHILD_START_S):
                line = await process.stdout.readline() if process.stdout else b""
            return cls(process, json.loads(line))
        except (TimeoutError, ValueError, TypeError, KeyError) as error:
            await _end(process)
            raise UserError(
                "The demo's local cloud did not start.",
                "Run `peerdeck localcloud` in a terminal to see why.",
                detail=str(error) or type(error).__name__,
            ) from error
        except BaseException:
            await _end(process)
            raise

    def account(self) -> "AwsAccount":
        from peerdeck.cloud.account import AwsAccount

        access_key, secret_key = self._keys
        return AwsAccount(endpoints=self.endpoints, access_key=access_key, secret_key=secret_key)

    async def aclose(self) -> None:
        await _end(self._process)


class DemoFaults:
    """A local cloud's faults by HTTP; admin_url lets whoever knows it switch them."""

    def __init__(self, admin_url: str) -> None:
        self._url = f"{admin_url}/faults"

    async def listing(self) -> tuple[Fault, ...]:
        import msgspec

        answer = await self._ask("GET", "")
        return msgspec.json.decode(answer, type=dict[str, tuple[Fault, ...]])["faults"]

    async def switch_on(
        self, name: str, values: Mapping[str, Value], duration_s: float | None
    ) -> None:
        await self._ask("PUT", f"/{name}", {"values": dict(values), "duration_s": duration_s})

    async def switch_off(self, name: str) -> None:
        await self._ask("DELETE", f"/{name}")

    async def clear(self) -> None:
        await self._ask("DELETE", "")

    async def _ask(self, method: str, path: str, body: object = None) -> bytes:
        """Raises UserError: not running any more, or its own words for a wrong value."""
        import aiohttp

        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=FAULT_S)) as web,
                web.request(method, self._url + path, json=body) as response,
            ):
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UserError(
                "The demo's local cloud does not answer.",
                "Start the demo again: choose “Demo (local cloud)” among the profiles.",
                detail=type(error).__name__,
            ) from error
        if response.status != 200:
            detail = answer.decode(errors="replace")
            raise UserError("The demo refused this.", "Choose other values.", detail=detail)
        return answer


def _own_command() -> tuple[str, ...]:
    """The command that starts this very program, frozen or not."""
    if getattr(sys, "frozen", False):
        return (sys.executable,)
    return (sys.executable, "-m", "peerdeck")


def _child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the user's AWS configuration, and the same import path as ours."""
    ours = {name: value for name, value in environment.items() if not name.startswith("AWS")}
    return ours | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


async def _end(process: asyncio.subprocess.Process) -> None:
    """Closing its standard input asks the child to stop; what does not stop is killed."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(CHILD_STOP_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def run_local_cloud(
    *,
    host: str = "127.0.0.1",
    ports: Mapping[str, int],
    regions: tuple[str, ...] = (),
    seed_file: Path | None = None,
    state: Path | None = None,
    tls: bool = False,
    devices: bool,
    ready: Callable[[dict[str, str], tuple[str, ...], tuple[str, ...]], None],
    until_eof: IO[bytes] | None,
) -> None:
    """Runs until SIGTERM, SIGINT or, where given, the end of `until_eof`.

    ready(environment, regions, explanations): called once, when clients may come. ports: by the
    names of localcloud.cloud.Ports. Raises FieldError, UserError and OSError.
    """
    from peerdeck.localcloud.cloud import Ports
    from peerdeck.localcloud.serve import Options, serve

    options = Options(
        host=host,
        ports=Ports(**ports),
        regions=regions,
        seed_file=seed_file,
        state=state,
        tls=tls,
        passing=until_eof is not None,
    )
    await serve(options, devices=devices_of if devices else None, ready=ready, until_eof=until_eof)


@contextlib.asynccontextmanager
async def devices_of(cloud: "LocalCloud") -> AsyncIterator[None]:
    """The demo's camera, and for every thing a device with a real destination proxy.

    They run until the context is left.
    """
    from peerdeck.localcloud.camera import DemoCamera
    from peerdeck.localcloud.device import DemoDevice

    keys = cloud.device_credentials
    trusted = cloud.authority.client_context() if cloud.authority is not None else None
    async with contextlib.AsyncExitStack() as stack:
        for region, arn in cloud.live_channels:
            camera = DemoCamera(
                channel_arn=arn,
                region=region,
                endpoints=cloud.endpoints,
                access_key=keys.access_key,
                secret_key=keys.secret_key,
                tls=trusted,
            )
            stack.push_async_callback(camera.aclose)
            await camera.start()
        for thing in cloud.things:
            device = DemoDevice(
                thing,
                connect=functools.partial(_connect_destination, cloud),
                data_url=cloud.relay.url,
            )
            stack.push_async_callback(device.aclose)
            await device.start()
            cloud.state.tunnels.on_opened.append(device.tunnel_opened)
        yield


async def _connect_destination(
    cloud: "LocalCloud", url: str, token: Secret, targets: Mapping[str, tuple[str, int]]
) -> "TunnelProxy":
    """The demo device's destination proxy is the engine's own, as a user's would be.

    While the fault is on it speaks V1, which knows one service and does not name it.
    """
    from peerdeck.engine.tunnel import TunnelProxy
    from peerdeck.protocol.tunnel_events import Version

    version = Version.V1 if cloud.relay.faults.v1_only else Version.V3
    if version is Version.V1:
        targets = {"": next(iter(targets.values()))}
    proxy = TunnelProxy(
        mode=Mode.DESTINATION, url=url, access_token=token, targets=targets, version=version
    )
    try:
        await proxy.start()
    except BaseException:
        await proxy.aclose()
        raise
    return proxy
