"""Whose account, which region, which endpoints."""

import asyncio
import re
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from peerdeck.cloud.account import AwsAccount, CallerIdentity
from peerdeck.cloud.errors import CloudError
from peerdeck.cloud.kinesis_video import KinesisVideo
from peerdeck.cloud.tunneling import SecureTunneling
from peerdeck.core.endpoints import USUAL_ENDPOINTS, EndpointChoice, Endpoints
from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.observable import Observable
from peerdeck.core.region import Region
from peerdeck.engine.tasks import TaskSet
from peerdeck.services.explain import cloud_problem, explained
from peerdeck.services.journal import JournalService
from peerdeck.services.settings import SettingsService
from peerdeck.services.status import Status
from peerdeck.services.trust import trusted

if TYPE_CHECKING:
    from peerdeck.services.faults import FaultSwitches

RETIRE_S = 60.0  # longer than any call
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d{1,2}")


@dataclass(frozen=True, slots=True)
class AccountState:
    """profile "" is the default credential chain. Regions that AWS lists; any may be typed."""

    status: Status = Status.IDLE
    profiles: tuple[str, ...] = ()
    profile: str = ""
    regions: tuple[Region, ...] = ()
    region: Region | None = None
    identity: CallerIdentity | None = None
    endpoints: Endpoints = Endpoints()
    demo: bool = False
    problem: UserError | None = None

    @property
    def usable(self) -> bool:
        return self.status is Status.READY and self.region is not None

    @property
    def place(self) -> tuple[object, ...]:
        """What the lists of channels and tunnels depend on: where it differs, they begin anew."""
        return (self.profile, self.region, self.endpoints, self.usable, self.problem)


class Demo(Protocol):
    """A running local cloud of our own."""

    endpoints: Endpoints
    regions: tuple[str, ...]
    faults: "FaultSwitches"

    def account(self) -> AwsAccount: ...

    async def aclose(self) -> None: ...


class AccountService:
    """The other services ask here for clients and follow `state` when the user changes it."""

    def __init__(
        self,
        *,
        settings: SettingsService,
        journal: JournalService,
        open_account: Callable[[str, Endpoints], AwsAccount],
        start_demo: Callable[[], Awaitable[Demo]],
        list_profiles: Callable[[], tuple[str, ...]],
        list_regions: Callable[[], tuple[Region, ...]],
        region_named: Callable[[str], Region],
        environment: Endpoints,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._open_account = open_account
        self._start_demo = start_demo
        self._list_profiles = list_profiles
        self._list_regions = list_regions
        self._region_named = region_named
        self._environment = environment
        self._all_regions: tuple[Region, ...] = ()
        self._account: AwsAccount | None = None
        self._retired: set[AwsAccount] = set()
        self._users: Counter[AwsAccount] = Counter()
        self._left = asyncio.Event()
        self._tasks = TaskSet("account")
        self._retire_s = RETIRE_S
        self._demo: Demo | None = None
        self._turn = asyncio.Lock()
        self.state = Observable(AccountState())

    async def load(self, *, demo: bool = False) -> None:
        """Reads profiles and regions, then signs in where the user last was, or into the demo."""
        self._publish(status=Status.LOADING)
        try:
            profiles = await asyncio.to_thread(self._list_profiles)
        except CloudError as error:  # a broken configuration file must not keep the demo away
            self._journal.record("account", "Read AWS profiles", ok=False, result=str(error))
            profiles = ()
        self._all_regions = await asyncio.to_thread(self._list_regions)
        self._publish(profiles=profiles, regions=self._all_regions)
        if demo:
            await self.use_demo()
            return
        wanted = self._settings.state.value.profile
        await self.select_profile(wanted if wanted in profiles else "")

    async def select_profile(self, profile: str) -> None:
        """Signs in with a profile of the AWS configuration, or "" for the default chain."""
        async with self._turn:
            endpoints = self._settings.state.value.endpoints.over(self._environment)
            await self._replace(self._open_account(profile, endpoints), None)
            self._settings.change(profile=profile)
            wanted = self._settings.state.value.region or await self._configured_region()
            self._publish(
                profile=profile,
                regions=self._all_regions,
                region=self._region(wanted or "us-east-1"),
                endpoints=endpoints,
                demo=False,
            )
            await self._sign_in()

    async def use_demo(self) -> None:
        """Starts the local cloud and signs in to it: endpoints and credentials differ, no more."""
        async with self._turn:
            self._publish(status=Status.LOADING, problem=None)
            try:
                demo = await self._start_demo()
            except UserError as error:
                self._publish(status=Status.FAILED, problem=error)
                raise
            await self._replace(demo.account(), demo)
            regions = tuple(self._region(name) for name in demo.regions)
            self._publish(
                profile="",
                regions=regions,
                region=regions[0],
                endpoints=demo.endpoints,
                demo=True,
            )
            await self._sign_in()

    def select_region(self, name: str) -> None:
        """Any region name is taken that looks like one: new regions work before we know them."""
        name = name.strip()
        if not _REGION.fullmatch(name):
            raise FieldError("Region", name, "must look like eu-west-1.")
        if not self.state.value.demo:
            self._settings.change(region=name)
        self._publish(region=self._region(name))

    async def set_endpoints(self, endpoints: Endpoints) -> None:
        """Custom endpoint URLs ("" for AWS's own); remembered, and signed in to at once."""
        self._settings.change(endpoints=endpoints)
        await self.select_profile(self.state.value.profile)

    async def retry(self) -> None:
        """Signs in again, for instance after `aws sso login`."""
        if self.state.value.demo:
            async with self._turn:
                await self._sign_in()
        else:
            await self.select_profile(self.state.value.profile)

    @property
    def region(self) -> Region:
        region = self.state.value.region
        if region is None:
            raise UserError("No region is chosen.", "Choose one at the top of the window.")
        return region

    @property
    def faults(self) -> "FaultSwitches | None":
        """The demo's, while it is the account."""
        return self._demo.faults if self._demo is not None and self.state.value.demo else None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """The present account stays open until the end of this, whichever the user chooses next."""
        account = self._signed_in()
        self._users[account] += 1
        try:
            yield
        finally:
            self._users[account] -= 1
            self._left.set()

    async def trust(self) -> ssl.SSLContext | None:
        """For TLS connections of the console's own; None for the system's authorities alone.

        Raises UserError where the account's bundle of authorities cannot be used.
        """
        with explained("read the account's certificate authorities"):
            bundle = await self._signed_in().authorities()
        return await trusted(bundle)

    def kinesis_video(self) -> KinesisVideo:
        """The client of the present account and region."""
        return self._signed_in().kinesis_video(self.region.name)

    def kinesis_video_in(
        self, region: str, choice: EndpointChoice = USUAL_ENDPOINTS
    ) -> KinesisVideo:
        """The client of the present account for a region that an ARN names."""
        return self._signed_in().kinesis_video(region, choice)

    def tunneling(self) -> SecureTunneling:
        return self._signed_in().tunneling(self.region.name)

    def _signed_in(self) -> AwsAccount:
        if self._account is None:
            raise UserError(
                "There is no account yet.", "Choose a profile at the top of the window."
            )
        return self._account

    async def _configured_region(self) -> str:
        """Of the profile or the environment; "" where neither says."""
        try:
            return await self._signed_in().default_region()
        except CloudError:
            return ""  # signing in is about to fail with the same error, and to show it

    async def _sign_in(self) -> None:
        account = self._signed_in()
        self._publish(status=Status.LOADING, problem=None, identity=None)
        try:
            with self._journal.timed("account", "Sign in") as result:
                try:
                    identity = await account.describe(self.region.name)
                except CloudError as error:
                    raise cloud_problem(error, "sign in") from error
                result.text = identity.arn or identity.method
        except UserError as error:
            self._publish(status=Status.FAILED, problem=error)
        else:
            self._publish(status=Status.READY, identity=identity)

    async def _replace(self, account: AwsAccount, demo: Demo | None) -> None:
        if self._account is not None:
            self._retired.add(self._account)
            self._tasks.start("retire", self._retire(self._account))
        self._account = account
        if demo is not None:
            self._demo, old = demo, self._demo
            if old is not None:
                await old.aclose()

    async def _retire(self, account: AwsAccount) -> None:
        """Commands may be under way with it, and sessions may yet ask it for a signed URL."""
        await asyncio.sleep(self._retire_s)
        while self._users[account]:
            self._left.clear()
            await self._left.wait()
        self._retired.discard(account)
        del self._users[account]
        await account.aclose()

    def _region(self, name: str) -> Region:
        for region in self._all_regions:
            if region.name == name:
                return region
        return self._region_named(name)

    def _publish(self, **fields: object) -> None:
        self.state.publish(replace(self.state.value, **fields))  # type: ignore[arg-type]

    async def aclose(self) -> None:
        await self._tasks.aclose()
        for account in (*self._retired, self._account):
            if account is not None:
                await account.aclose()
        self._retired.clear()
        self._account = None
        if self._demo is not None:
            demo, self._demo = self._demo, None
            await demo.aclose()
