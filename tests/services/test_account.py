"""Whose account, which region, which endpoints."""

import pytest
from tests.waiting import until

from peerdeck.cloud.account import AwsAccount
from peerdeck.core.endpoints import Endpoints
from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.observable import Observable
from peerdeck.core.secret import Secret
from peerdeck.core.session import Phase
from peerdeck.services.status import Status
from peerdeck.storage.secrets import SecretStore
from peerdeck.storage.settings import SettingsFile
from peerdeck.wiring import build_console


async def test_demo_differs_by_endpoints_and_credentials_alone(console, cloud):
    state = console.account.state.value
    assert state.usable
    assert state.demo
    assert state.endpoints == cloud.endpoints
    assert [region.name for region in state.regions] == list(cloud.regions)
    assert state.identity.account == "111122223333"


async def test_each_region_has_its_own_channels(console):
    await until(console.channels.state, lambda s: s.status is Status.READY and s.channels)
    first = {channel.name for channel in console.channels.state.value.channels}
    console.account.select_region("us-east-1")
    assert console.channels.state.value.channels == ()
    await until(console.channels.state, lambda s: s.status is Status.READY)
    second = {channel.name for channel in console.channels.state.value.channels}
    assert first
    assert second
    assert not first & second


async def test_any_region_name_may_be_typed_and_nonsense_changes_nothing(console):
    console.account.select_region("eu-south-9")
    assert console.account.region.name == "eu-south-9"
    with pytest.raises(FieldError, match="Region “Ireland”: must look like"):
        console.account.select_region("Ireland")
    assert console.account.region.name == "eu-south-9"


@pytest.fixture
def stranger(monkeypatch, tmp_path, keyring):
    """A console that knows nothing but environment variables, and whose cloud is not ours."""

    def build(environment):
        for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

        async def no_demo():
            raise UserError("no demo here", "none")

        return build_console(
            environment=environment,
            start_demo=no_demo,
            secrets=SecretStore(backend=keyring),
            settings_file=SettingsFile(tmp_path / "settings.json"),
        )

    return build


async def test_environment_alone_reaches_a_strangers_server(stranger, cloud):
    keys = cloud.credentials
    console = stranger(
        {
            **cloud.endpoints.environment(),
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key.reveal(),
            "AWS_REGION": "us-east-1",
        }
    )
    await console.load()
    state = console.account.state.value
    assert (state.status, state.demo) == (Status.READY, False)
    assert state.region.name == "us-east-1"
    await until(console.channels.state, lambda s: s.status is Status.READY)
    assert console.channels.state.value.by_arn
    assert {c.name for c in console.channels.state.value.channels} >= {"warehouse-gate"}
    await console.aclose()


async def test_without_credentials_the_state_says_what_is_missing(stranger):
    console = stranger({"AWS_REGION": "eu-west-1"})
    await console.load()
    state = console.account.state.value
    assert state.status is Status.FAILED
    assert "credentials" in state.problem.title
    assert "demo" in state.problem.remedy
    assert console.channels.state.value.problem == state.problem
    assert len(state.regions) > 10
    await console.aclose()


async def test_wrong_secret_key_is_refused_in_plain_words(stranger, cloud):
    console = stranger(
        {
            **cloud.endpoints.environment(),
            "AWS_ACCESS_KEY_ID": cloud.credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": "wrong-key-wrong-key",
            "AWS_REGION": "eu-west-1",
        }
    )
    await console.load()
    problem = console.account.state.value.problem
    assert "may not" in problem.title
    assert "wrong-key" not in f"{problem!r}{problem.detail}{console.journal.entries.value}"
    await console.aclose()


async def test_unreachable_endpoint_is_named_and_retry_recovers(stranger, cloud, unused_tcp_port):
    keys = cloud.credentials
    console = stranger(
        {
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key.reveal(),
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{unused_tcp_port}",
        }
    )
    await console.load()
    assert "cannot be reached" in console.account.state.value.problem.title
    await console.account.set_endpoints(cloud.endpoints)
    assert console.account.state.value.status is Status.READY
    await until(console.channels.state, lambda s: s.status is Status.READY)
    await console.aclose()


async def test_demo_that_does_not_start_leaves_a_problem(stranger):
    console = stranger({"AWS_REGION": "eu-west-1"})
    with pytest.raises(UserError, match="no demo"):
        await console.load(demo=True)
    assert console.account.state.value.problem.title == "no demo here"
    await console.aclose()


async def test_custom_endpoint_is_remembered_and_checked(stranger, cloud, tmp_path):
    keys = cloud.credentials
    environment = {
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key.reveal(),
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": cloud.endpoints.sts,
    }
    console = stranger(environment)
    await console.load()
    await console.account.set_endpoints(Endpoints(stun="stun:127.0.0.1:9"))
    await console.aclose()
    again = stranger(environment)
    await again.load()
    assert again.account.state.value.endpoints.stun == "stun:127.0.0.1:9"
    assert again.account.state.value.endpoints.sts == cloud.endpoints.sts
    await again.aclose()


async def test_no_secret_reaches_settings_or_journal(console, cloud, tmp_path):
    await until(console.channels.state, lambda s: s.status is Status.READY)
    secret = cloud.credentials.secret_key
    assert isinstance(secret, Secret)
    console.settings.change(theme="dark")
    await console.settings.aclose()
    assert secret.reveal() not in (tmp_path / "settings.json").read_text()
    assert secret.reveal() not in repr(console.journal.entries.value)


@pytest.fixture
def closed_accounts(monkeypatch) -> Observable[tuple[AwsAccount, ...]]:
    """Those that were closed, in order."""
    closed: Observable[tuple[AwsAccount, ...]] = Observable(())
    really = AwsAccount.aclose

    async def aclose(self: AwsAccount) -> None:
        await really(self)
        closed.publish((*closed.value, self))

    monkeypatch.setattr(AwsAccount, "aclose", aclose)
    return closed


async def test_an_account_that_was_left_is_closed_once_nobody_uses_it(console, closed_accounts):
    service = console.account
    service._retire_s = 0.0
    first = service._account
    with service.in_use():
        await service.use_demo()
        second = service._account
        await service.use_demo()
        await until(closed_accounts, lambda closed: second in closed)
        assert first not in closed_accounts.value
    await until(closed_accounts, lambda closed: first in closed)
    assert service._retired == set()
    assert service._account not in closed_accounts.value


async def test_a_session_keeps_the_account_that_it_was_joined_with(
    devices, console, closed_accounts
):
    service = console.account
    service._retire_s = 0.0
    state = await until(console.channels.state, lambda s: s.status is Status.READY)
    arn = next(channel.arn for channel in state.channels if channel.name == "front-door")
    session_id = console.sessions.join(arn)
    await until(console.sessions.state, lambda s: s[0].phase is Phase.CONNECTED)
    first = service._account
    await service.use_demo()
    await until(console.channels.state, lambda s: s.status is Status.READY)
    assert first not in closed_accounts.value
    await console.sessions.leave(session_id)
    await until(closed_accounts, lambda closed: first in closed)
