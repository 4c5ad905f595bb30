"""Whose credentials, and every client made with them."""

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from peerdeck import __version__
from peerdeck.cloud.answers import AnswerWatch
from peerdeck.cloud.errors import CloudError, Kind, translate
from peerdeck.cloud.kinesis_video import KinesisVideo
from peerdeck.cloud.regions import region_named, regions
from peerdeck.cloud.threads import CallThreads
from peerdeck.cloud.tunneling import SecureTunneling
from peerdeck.core.endpoints import USUAL_ENDPOINTS, EndpointChoice, Endpoints
from peerdeck.core.region import Region
from peerdeck.core.secret import Secret
from peerdeck.core.web_proxy import is_this_machine

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.credentials import ReadOnlyCredentials
    from botocore.session import Session

__all__ = ["AwsAccount", "CallerIdentity", "profiles", "regions"]

T = TypeVar("T")
CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 15
ATTEMPTS = 3
MAX_CALLS = 16
MAX_CLIENTS = 32  # channels have endpoints of their own; the least used client goes first
_NOWHERE = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """Who AWS says we are.

    method: where the credentials came from, in botocore's words ("env", "sso", "assume-role",
    "custom-process", "explicit" …). clock_offset_s: AWS's clock minus ours.
    """

    account: str
    arn: str
    method: str
    clock_offset_s: float | None = None


def profiles() -> tuple[str, ...]:
    """Profiles of the shared AWS configuration, sorted; none where there is no such file.

    Raises CloudError for a file that cannot be read. Blocks: imports botocore, reads files.
    """
    import botocore.exceptions
    import botocore.session

    try:
        return tuple(sorted(botocore.session.Session().available_profiles))
    except botocore.exceptions.BotoCoreError as error:
        raise translate("profiles", error) from error


class AwsAccount:
    """Credentials of one profile, of the default chain, or given explicitly.

    endpoints: replace AWS's own; where empty, botocore's AWS_ENDPOINT_URL_* and configuration hold.
    With explicit keys nothing of this machine's AWS configuration counts, only what is given here.
    ask_mfa: called on a thread with a prompt where a profile needs a one-time code; without it such
    a profile is refused. clock: POSIX seconds. Every call runs on a thread; raises CloudError.
    Close it with `aclose()`.
    """

    def __init__(
        self,
        *,
        profile: str | None = None,
        endpoints: Endpoints = Endpoints(),
        access_key: Secret | None = None,
        secret_key: Secret | None = None,
        session_token: Secret | None = None,
        ask_mfa: Callable[[str], str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if bool(access_key) != bool(secret_key) or (session_token and not access_key):
            raise ValueError("explicit credentials need both an access key and a secret key")
        self._explicit = bool(access_key)
        self._keys = (access_key, secret_key, session_token)
        self.profile = (profile or "") if not self._explicit else ""
        if not self._explicit:
            endpoints = endpoints.over(Endpoints.from_environment(os.environ))
        self.endpoints = endpoints
        self.clock = clock
        self._ask_mfa = ask_mfa
        self._watch = AnswerWatch(clock)
        self._threads = CallThreads("aws", limit=MAX_CALLS)
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._found: tuple[Session, Any] | None = None  # botocore's credentials, and where from
        self._clients: OrderedDict[tuple[str, ...], BaseClient] = OrderedDict()
        self._videos: dict[tuple[str, EndpointChoice], KinesisVideo] = {}

    def __repr__(self) -> str:
        whose = "explicit keys" if self._explicit else f"profile {self.profile or 'default'}"
        return f"<AwsAccount {whose}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an account is not pickled")

    @property
    def clock_offset_s(self) -> float | None:
        """AWS's clock minus ours, ± 1 s, by the last answer; None before the first."""
        return self._watch.clock_offset_s

    def kinesis_video(self, region: str, choice: EndpointChoice = USUAL_ENDPOINTS) -> KinesisVideo:
        """Raises FieldError where `region` cannot be a region's name."""
        key = region, choice
        if key not in self._videos:
            self._videos[key] = KinesisVideo(self, region, choice)
        return self._videos[key]

    def tunneling(self, region: str) -> SecureTunneling:
        """Raises FieldError where `region` cannot be a region's name."""
        return SecureTunneling(self, region)

    def region(self, name: str) -> Region:
        """May block for 100 ms before the first call, see `regions.region_named`."""
        return region_named(name)

    async def has_credentials(self) -> bool:
        """False where there are none. Raises CloudError where there are some that fail (SSO …)."""
        try:
            await self.frozen_credentials()
        except CloudError as error:
            if error.code == "NoCredentialsError":
                return False
            raise
        return True

    async def default_region(self) -> str:
        """AWS_REGION, AWS_DEFAULT_REGION or the profile's region; "" for none."""

        def read() -> str:
            configured = self._opened().get_config_variable("region")
            return str(os.environ.get("AWS_REGION") or configured or "")

        return await self._run("default region", read) if not self._explicit else ""

    async def authorities(self) -> str:
        """PEM file of certificate authorities, "" for none; with explicit keys there is none.

        AWS_CA_BUNDLE, the profile's ca_bundle or REQUESTS_CA_BUNDLE, as botocore has it.
        """

        def read() -> str:
            configured = self._opened().get_config_variable("ca_bundle")
            return str(configured or os.environ.get("REQUESTS_CA_BUNDLE") or "")

        return await self._run("ca_bundle", read) if not self._explicit else ""

    async def describe(self, region: str = "us-east-1") -> CallerIdentity:
        """STS GetCallerIdentity in `region`: are the credentials any good, and whose are they?"""
        answer = await self.call("sts", region, "GetCallerIdentity", {})
        account, arn = answer.get("Account"), answer.get("Arn")
        if not isinstance(account, str) or not isinstance(arn, str):
            raise CloudError(
                "The answer lacks Account or Arn.",
                operation="GetCallerIdentity",
                kind=Kind.NOT_AWS,
                status=200,
            )
        method = await self._run("method", lambda: self._credentials().method)
        return CallerIdentity(account, arn, str(method), self.clock_offset_s)

    async def call(
        self,
        service: str,
        region: str,
        operation: str,
        parameters: dict[str, Any],
        *,
        endpoint: str = "",
        choice: EndpointChoice = USUAL_ENDPOINTS,
        attempts: int = ATTEMPTS,
    ) -> dict[str, Any]:
        """One operation, by AWS's names. endpoint: where this service answers, "" for by region.

        choice: of the region's endpoints. attempts: 1 for what must not happen twice. Raises
        CloudError.
        """
        method = _snake(operation)

        def call() -> dict[str, Any]:
            client = self._client(service, region, endpoint, choice, attempts)
            answer: dict[str, Any] = getattr(client, method)(**parameters)
            return answer

        return await self._run(operation, call)

    async def frozen_credentials(self) -> "ReadOnlyCredentials":
        """A consistent set of keys, refreshed where they were about to expire."""
        found = self._found
        # Of another session they were forgotten: they had expired.
        at_hand = _at_hand(found[1]) if found and found[0] is self._session else None
        return at_hand if at_hand is not None else await self._run("credentials", self._frozen)

    async def aclose(self) -> None:
        """Idempotent. Waits at most 2 s for calls that are still on their way."""
        await self._threads.aclose()
        self._forget()

    async def _run(self, operation: str, call: Callable[[], T]) -> T:
        failure: Exception
        try:
            return await self._threads.run(operation, call)
        except CloudError as error:
            failure = error
        except RuntimeError:
            raise  # closed: the caller's mistake
        except Exception as error:  # noqa: BLE001  the border: translate() raises what is no AWS error
            failure = translate(operation, error, clock_offset_s=self.clock_offset_s)
        if failure.kind is Kind.EXPIRED:
            self._forget()  # the next call reads files anew, for instance after `aws sso login`
        raise failure  # outside of `except`, or the untranslated error would hang on as its context

    # What follows runs on the threads.

    def _opened(self) -> "Session":
        with self._lock:
            if self._session is None:
                self._session = self._open()
            return self._session

    def _open(self) -> "Session":
        import botocore.session

        # WORKAROUND: at DEBUG botocore logs headers, bodies and canonical requests, keys and tokens
        # in them; a level of its own keeps that out of whatever the root logger is set to.
        logging.getLogger("botocore").setLevel(logging.INFO)
        session = botocore.session.Session(
            session_vars=_NOWHERE if self._explicit else None,
            profile=self.profile or None,
        )
        access_key, secret_key, token = self._keys
        if access_key and secret_key:
            session.set_credentials(
                access_key.reveal(), secret_key.reveal(), token.reveal() if token else None
            )
        else:
            assume_role = session.get_component("credential_provider").get_provider("assume-role")
            # botocore would ask on the terminal and wait there for ever; it has no public switch.
            assume_role._prompter = self._mfa_code
        session.register("before-parse", self._watch)
        return session

    def _mfa_code(self, prompt: str) -> str:
        if self._ask_mfa is None:
            raise CloudError(
                "The profile asks for an MFA code. Get temporary credentials with it first.",
                operation="AssumeRole",
                kind=Kind.NO_CREDENTIALS,
                code="MfaRequired",
            )
        return self._ask_mfa(prompt)

    def _credentials(self) -> Any:
        from botocore.exceptions import NoCredentialsError

        session = self._opened()
        with self._lock:  # the chain of providers is not made for two threads
            try:
                found = session.get_credentials()
            except ValueError as error:  # a credential process that prints no JSON
                raise _bad_credentials(error) from error
        if found is None:
            raise NoCredentialsError
        self._found = session, found
        return found

    def _frozen(self) -> "ReadOnlyCredentials":
        from botocore.exceptions import NoCredentialsError

        try:
            frozen: ReadOnlyCredentials | None = self._credentials().get_frozen_credentials()
        except ValueError as error:
            raise _bad_credentials(error) from error
        if frozen is None or not frozen.access_key or not frozen.secret_key:
            raise NoCredentialsError
        return frozen

    def _client(
        self, service: str, region: str, endpoint: str, choice: EndpointChoice, attempts: int
    ) -> "BaseClient":
        self._frozen()  # tells missing or broken credentials apart from a strange answer
        there = region_named(region)  # so that later questions for it are answered at once
        session = self._opened()
        ours = getattr(self.endpoints, _ENDPOINT_FIELD.get(service, ""), "")
        endpoint = endpoint or choice.url or ours
        if service == "kinesisvideo" and there.fips_only:
            choice = replace(choice, fips=True)  # botocore's rules would name one that is not there
        variant = "" if endpoint else choice.words
        if "dual-stack" in variant and not there.dual_stack_suffix:
            message = f"{region} has no dual-stack endpoints."
            raise CloudError(message, operation=service, kind=Kind.INVALID)
        key = (service, region, endpoint, variant, str(attempts))
        dropped = None
        with self._lock:
            clients = self._clients
            client = clients.get(key)
            if client is None:
                client = self._create(session, service, region, endpoint, variant, attempts)
                clients[key] = client
                if len(clients) > MAX_CLIENTS:
                    _, dropped = clients.popitem(last=False)
            clients.move_to_end(key)
        if dropped is not None:
            dropped.close()
        return client

    def _create(
        self,
        session: "Session",
        service: str,
        region: str,
        url: str,
        variant: str,
        attempts: int,
    ) -> "BaseClient":
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            max_pool_connections=MAX_CALLS,
            user_agent_extra=f"peerdeck/{__version__}",
        )
        if "dual-stack" in variant:
            config = config.merge(Config(use_dualstack_endpoint=True))
        if "FIPS" in variant:
            config = config.merge(Config(use_fips_endpoint=True))
        if url and is_this_machine(urlsplit(url).hostname or ""):
            config = config.merge(Config(proxies={}))  # no proxy serves our own 127.0.0.1
        try:
            return session.create_client(
                service, region_name=region, endpoint_url=url or None, config=config
            )
        except ValueError as error:
            raise CloudError(str(error), operation=service, kind=Kind.INVALID) from error

    def _forget(self) -> None:
        """Without the lock, behind which a credential process may be running: only swaps."""
        clients, self._clients = self._clients, OrderedDict()
        self._session = None
        for client in clients.values():
            client.close()


_ENDPOINT_FIELD = {
    "kinesisvideo": "kinesis_video",
    "kinesis-video-signaling": "kinesis_video_signaling",
    "iotsecuretunneling": "iot_secure_tunneling",
    "sts": "sts",
}


def _at_hand(credentials: Any) -> "ReadOnlyCredentials | None":
    """botocore's, where they need neither be read nor be refreshed, which may block."""
    needs_refresh = getattr(credentials, "refresh_needed", None)
    if needs_refresh is not None and needs_refresh():
        return None
    frozen: ReadOnlyCredentials = credentials.get_frozen_credentials()
    return frozen if frozen.access_key and frozen.secret_key else None


def _bad_credentials(error: ValueError) -> CloudError:
    return CloudError(
        f"The credentials cannot be read: {type(error).__name__}.",
        operation="credentials",
        kind=Kind.NO_CREDENTIALS,
        code="CredentialRetrievalError",
    )


def _snake(operation: str) -> str:
    from botocore import xform_name

    return xform_name(operation)
