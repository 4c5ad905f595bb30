import asyncio
import json
import os
import sys
import threading
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import botocore.session
import pytest
from aiohttp import web
from botocore.credentials import Credentials, RefreshableCredentials

from peerdeck.cloud.account import AwsAccount, profiles, regions
from peerdeck.cloud.errors import CloudError, Kind
from peerdeck.cloud.regions import region_named
from peerdeck.core.endpoints import ENVIRONMENT, Endpoints
from peerdeck.core.errors import FieldError
from peerdeck.core.secret import Secret

IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/ann</Arn><UserId>A</UserId>
<Account>111122223333</Account></GetCallerIdentityResult>
<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"""
CLIENT_NAMES = {
    "kinesis_video": "kinesisvideo",
    "kinesis_video_signaling": "kinesis-video-signaling",
    "iot_secure_tunneling": "iotsecuretunneling",
    "sts": "sts",
}


@pytest.fixture
def identity(stranger):
    stranger.says(IDENTITY, content_type="text/xml", x_amzn_requestid="r")
    return stranger


def key_of(seen) -> str:
    return seen.headers["Authorization"].partition("Credential=")[2].partition("/")[0]


async def test_environment_alone_configures_everything(identity, open_account, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFROMENVIRONMENT1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", identity.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_IOTSECURETUNNELING_DATA", "ws://127.0.0.1:7")
    monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS_VIDEO_STUN", "stun:127.0.0.1:8")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    account = open_account(explicit=False)
    described = await account.describe("eu-west-3")
    assert (described.account, described.method) == ("111122223333", "env")
    assert described.clock_offset_s == pytest.approx(0, abs=2)
    assert key_of(identity.seen[0]) == "AKIAFROMENVIRONMENT1"
    assert "/eu-west-3/sts/" in identity.seen[0].headers["Authorization"]
    assert await account.default_region() == "eu-west-3"
    assert account.tunneling("eu-west-3").data_url == "ws://127.0.0.1:7"
    assert account.kinesis_video("eu-west-3").stun_server().uris[0].text == "stun:127.0.0.1:8"


@pytest.mark.parametrize("name", CLIENT_NAMES)
@pytest.mark.parametrize(
    "environment",
    [
        {"{own}": "http://own:1"},
        {"{own}": "http://own:1", "AWS_ENDPOINT_URL": "http://general:2"},
        {"AWS_ENDPOINT_URL": "http://general:2"},
        {"{own}": "", "AWS_ENDPOINT_URL": "http://general:2"},
        {"{own}": "http://own:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        {},
    ],
)
def test_endpoint_variables_mean_the_same_to_botocore(name, environment, monkeypatch):
    environment = {k.format(own=ENVIRONMENT[name]): v for k, v in environment.items()}
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    session = botocore.session.Session()
    session.set_credentials("a", "b")
    client = session.create_client(CLIENT_NAMES[name], region_name="eu-west-1")
    theirs = client.meta.endpoint_url
    client.close()
    ours = getattr(Endpoints.from_environment(environment), name)
    assert ours == ("" if "amazonaws.com" in theirs else theirs)


async def test_profile_with_a_credential_process(identity, open_account, bare_machine):
    script = bare_machine / "process.py"
    answer = {"Version": 1, "AccessKeyId": "AKIAFROMPROCESS00001", "SecretAccessKey": "s"}
    script.write_text(f"print({json.dumps(answer)!r})")
    (bare_machine / "config").write_text(
        f"[profile tool]\nregion = eu-central-1\ncredential_process = {sys.executable} {script}\n"
        "[profile plain]\nregion = us-west-2\n"
    )
    (bare_machine / "credentials").write_text(
        "[plain]\naws_access_key_id = AKIAFROMFILE00000001\naws_secret_access_key = s\n"
    )
    assert profiles() == ("plain", "tool")
    account = open_account(explicit=False, profile="tool", endpoints=Endpoints(sts=identity.url))
    assert (await account.describe()).method == "custom-process"
    assert key_of(identity.seen[-1]) == "AKIAFROMPROCESS00001"
    assert await account.default_region() == "eu-central-1"
    plain = open_account(explicit=False, profile="plain", endpoints=account.endpoints)
    assert (await plain.describe()).method == "shared-credentials-file"
    assert key_of(identity.seen[-1]) == "AKIAFROMFILE00000001"


@pytest.mark.parametrize("prints", ["no json", "{}", '{"Version": 1}', ""])
async def test_broken_credential_process_is_about_credentials(open_account, bare_machine, prints):
    script = bare_machine / "process.py"
    script.write_text(f"print({prints!r})")
    (bare_machine / "config").write_text(
        f"[default]\ncredential_process = {sys.executable} {script}\n"
    )
    with pytest.raises(CloudError) as caught:
        await open_account(explicit=False).describe()
    assert caught.value.kind is Kind.NO_CREDENTIALS


async def test_profiles_own_endpoint_is_used(identity, open_account, bare_machine):
    (bare_machine / "config").write_text(
        "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s\nservices = here\n"
        f"[services here]\nsts =\n  endpoint_url = {identity.url}\n"
    )
    assert (await open_account(explicit=False).describe()).account == "111122223333"


async def test_no_credentials_at_all(open_account):
    account = open_account(explicit=False)
    assert await account.has_credentials() is False
    with pytest.raises(CloudError) as caught:
        await account.describe()
    assert caught.value.kind is Kind.NO_CREDENTIALS
    assert caught.value.operation == "GetCallerIdentity"


async def test_credentials_that_come_later_are_found_without_a_new_start(
    identity, open_account, bare_machine
):
    account = open_account(explicit=False, endpoints=Endpoints(sts=identity.url))
    assert not await account.has_credentials()
    (bare_machine / "credentials").write_text(
        "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n"
    )
    assert await account.has_credentials()
    assert (await account.describe()).account == "111122223333"


async def test_renewed_keys_in_the_file_are_read_after_the_old_ones_expired(
    stranger, open_account, bare_machine
):
    async def answer(request: web.Request) -> web.Response:
        if "AKIAOLD" in request.headers["Authorization"]:
            body = "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>"
            return web.Response(text=body, status=403, content_type="text/xml")
        return web.Response(text=IDENTITY, content_type="text/xml")

    stranger.answer = answer
    account = open_account(explicit=False, endpoints=Endpoints(sts=stranger.url))
    file = bare_machine / "credentials"
    file.write_text("[default]\naws_access_key_id = AKIAOLD\naws_secret_access_key = s\n")
    with pytest.raises(CloudError) as caught:
        await account.describe()
    assert caught.value.kind is Kind.EXPIRED
    file.write_text("[default]\naws_access_key_id = AKIANEW\naws_secret_access_key = s\n")
    assert (await account.describe()).account == "111122223333"


SSO = (
    "[profile mine]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
    "[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://x\n"
)


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ("[profile other]\n", Kind.NO_CREDENTIALS),
        ("[profile mine\n", Kind.NO_CREDENTIALS),
        (
            SSO,
            Kind.EXPIRED,
        ),
        ("[profile mine]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = no\n", None),
    ],
)
async def test_unusable_profile_is_about_credentials(open_account, bare_machine, config, kind):
    (bare_machine / "config").write_text(config)
    with pytest.raises(CloudError) as caught:
        await open_account(explicit=False, profile="mine").has_credentials()
    assert caught.value.kind is (kind or Kind.NO_CREDENTIALS)


def test_broken_configuration_file_is_a_cloud_error(bare_machine):
    (bare_machine / "config").write_text("[profile mine\n")
    with pytest.raises(CloudError) as caught:
        profiles()
    assert caught.value.kind is Kind.NO_CREDENTIALS


MFA = (
    "[profile mine]\nregion = eu-west-1\nrole_arn = arn:aws:iam::111122223333:role/r\n"
    "mfa_serial = arn:aws:iam::111122223333:mfa/ann\nsource_profile = base\n"
    "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n"
)


async def test_mfa_is_asked_for_by_the_callers_function_or_refused(
    stranger, open_account, bare_machine, monkeypatch
):
    (bare_machine / "config").write_text(MFA)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", stranger.url)
    with pytest.raises(CloudError) as caught:
        await open_account(explicit=False, profile="mine").has_credentials()
    assert (caught.value.kind, caught.value.code) == (Kind.NO_CREDENTIALS, "MfaRequired")
    assert stranger.seen == []

    stranger.says(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA1</AccessKeyId>"
        "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        "<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>"
        "</AssumeRoleResponse>",
        content_type="text/xml",
    )
    asked = []
    account = open_account(
        explicit=False, profile="mine", ask_mfa=lambda prompt: asked.append(prompt) or "123456"
    )
    assert (await account.frozen_credentials()).access_key == "ASIA1"
    assert "mfa/ann" in asked[0]
    assert b"TokenCode=123456" in stranger.seen[-1].body


async def test_explicit_keys_ignore_the_machines_aws_configuration(
    identity, open_account, bare_machine, monkeypatch
):
    (bare_machine / "config").write_text("[profile broken\n")
    monkeypatch.setenv("AWS_PROFILE", "not there")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFROMENVIRONMENT1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "true")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    account = open_account(endpoints=Endpoints(sts=identity.url))
    described = await account.describe("eu-west-1")
    assert described.method == "explicit"
    assert key_of(identity.seen[0]) == "AKIAIOSFODNN7EXAMPLE"
    assert "X-Amz-Security-Token" not in identity.seen[0].headers
    assert account.endpoints == Endpoints(sts=identity.url)


@pytest.mark.parametrize(
    "keys",
    [
        {"access_key": Secret("a")},
        {"secret_key": Secret("b")},
        {"session_token": Secret("c")},
    ],
)
def test_half_of_a_key_pair_is_a_mistake(keys):
    with pytest.raises(ValueError, match="both"):
        AwsAccount(**keys)


async def test_session_token_goes_with_explicit_keys(identity, open_account):
    account = open_account(endpoints=Endpoints(sts=identity.url), session_token=Secret("the-token"))
    await account.describe()
    assert identity.seen[0].headers["X-Amz-Security-Token"] == "the-token"


async def test_many_calls_at_once_share_a_bounded_number_of_threads(stranger, open_account):
    account = open_account(endpoints=stranger.endpoints)
    most = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal most
        most = max(most, sum(t.name.startswith("aws/") for t in threading.enumerate()))
        return web.Response(text=IDENTITY, content_type="text/xml")

    stranger.answer = answer
    answers = await asyncio.gather(*(account.describe() for _ in range(60)))
    assert {answer.account for answer in answers} == {"111122223333"}
    assert 1 < most <= 16


async def test_botocore_is_imported_on_the_first_call_only():
    code = (
        "import sys; import peerdeck.cloud.account as a; a.AwsAccount();"
        "sys.exit(any(m.partition('.')[0] in ('botocore', 'urllib3') for m in sys.modules))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert await process.wait() == 0


def test_regions_come_with_names_of_every_partition():
    found = {region.name: region for region in regions()}
    assert found["eu-west-1"].description == "Europe (Ireland)"
    assert found["cn-north-1"].dns_suffix == "amazonaws.com.cn"
    assert found["us-gov-west-1"].partition == "aws-us-gov"
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    ("name", "partition"),
    [
        ("eu-north-7", "aws"),
        ("cn-somewhere-2", "aws-cn"),
        ("us-gov-central-3", "aws-us-gov"),
        ("mars-east-1", "aws"),
    ],
)
def test_region_that_nobody_has_listed_gets_the_partition_of_its_form(name, partition):
    assert region_named(name).partition == partition


async def test_call_into_an_unlisted_region_is_made(identity, open_account):
    account = open_account(endpoints=Endpoints(sts=identity.url))
    await account.describe("mars-east-1")
    assert "/mars-east-1/sts/" in identity.seen[0].headers["Authorization"]


@pytest.mark.parametrize("name", ["", "EU-WEST-1", "eu west", "a" * 64, "-a", "x.y", "évian-1"])
def test_text_that_cannot_be_a_region_is_refused(name):
    for use in (region_named, AwsAccount().kinesis_video, AwsAccount().tunneling):
        with pytest.raises(FieldError, match="Region"):
            use(name)


def test_every_http_endpoint_has_its_client():
    assert set(CLIENT_NAMES) | {"tunnel_data", "stun"} == {f.name for f in fields(Endpoints)}


@pytest.mark.parametrize(("good_for_s", "asked"), [(3600, 1), (300, 3)])
async def test_credentials_at_hand_are_given_until_they_are_to_be_refreshed(
    open_account, good_for_s, asked
):
    """Given without a thread; near their end botocore is asked, which refreshes them."""
    account = open_account()
    await account.frozen_credentials()
    fetched = []

    def fetch():
        fetched.append(1)
        ends = datetime.now(UTC) + timedelta(seconds=good_for_s)
        return {
            "access_key": f"AKIA{len(fetched)}",
            "secret_key": "secret",
            "token": "token",
            "expiry_time": ends.isoformat(),
        }

    account._session._credentials = RefreshableCredentials.create_from_metadata(
        fetch(), fetch, "sts"
    )
    account._found = account._session, account._session._credentials
    given = [(await account.frozen_credentials()).access_key for _ in range(2)]
    assert given == (["AKIA1", "AKIA1"] if asked == 1 else ["AKIA2", "AKIA3"])
    assert len(fetched) == asked


async def test_credentials_of_a_session_that_was_forgotten_are_read_anew(open_account):
    """Also where a call that was on its way found them only after that."""
    account = open_account()
    await account.frozen_credentials()
    account._found = account._session, Credentials("AKIAEXPIRED", "secret")
    assert (await account.frozen_credentials()).access_key == "AKIAEXPIRED"
    account._forget()
    assert (await account.frozen_credentials()).access_key != "AKIAEXPIRED"
