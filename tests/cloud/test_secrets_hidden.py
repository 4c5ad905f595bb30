import json
import logging
import pickle
import traceback

import pytest

from peerdeck.cloud.errors import CloudError, Kind, scrub
from peerdeck.core.channel import Role
from peerdeck.core.endpoints import Endpoints
from peerdeck.core.ice import IceRequest
from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import TunnelRequest

SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEExampleSessionToken" + "Ab9/" * 40
ARN = "arn:aws:kinesisvideo:eu-west-1:111122223333:channel/front-door/1700000000000"
CANONICAL = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method.\n\nThe Canonical String for this request should "
    f"have been\n'POST\n/\n\nhost:x\nx-amz-security-token:{TOKEN}\n'"
)


@pytest.fixture
def account(stranger, open_account):
    return open_account(endpoints=stranger.endpoints, session_token=Secret(TOKEN))


def everything_of(error: BaseException) -> str:
    """All that a log, a banner, a debugger or a pickle could show of an error."""
    shown = [repr(error), str(error), repr(error.args), "".join(traceback.format_exception(error))]
    following: BaseException | None = error
    while following is not None:
        shown += [repr(following), str(following), repr(vars(following))]
        shown.append(repr(pickle.dumps(following)))
        following = following.__cause__ or following.__context__
    return "\n".join(shown)


async def test_account_shows_and_pickles_nothing(account):
    await account.frozen_credentials()
    for text in (repr(account), str(account), f"{account}", repr(account.kinesis_video("eu-1"))):
        assert SECRET_KEY not in text
        assert TOKEN not in text
    for thing in (account, account.kinesis_video("eu-1")):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(thing)


async def test_canonical_request_that_aws_prints_back_is_cut_off(stranger, account):
    stranger.says(
        json.dumps({"message": CANONICAL}),
        status=403,
        x_amzn_errortype="InvalidSignatureException",
        x_amzn_requestid="r",
    )
    with pytest.raises(CloudError) as caught:
        await account.kinesis_video("eu-west-1").describe_channel(ARN)
    assert caught.value.kind is Kind.DENIED
    assert caught.value.message.endswith("signing method.")
    assert TOKEN not in everything_of(caught.value)


async def test_server_that_echoes_the_request_gets_no_secret_into_an_error(stranger, account):
    async def echo(request):
        from aiohttp import web

        heard = " ".join(f"{k}: {v}" for k, v in request.headers.items())
        return web.json_response(
            {"success": False, "error": {"code": "E", "message": heard}}, status=400
        )

    stranger.answer = echo
    with pytest.raises(CloudError) as caught:
        await account.kinesis_video("eu-west-1").describe_channel(ARN)
    shown = everything_of(caught.value)
    assert "peerdeck" in shown
    assert TOKEN not in shown
    assert "Signature=" not in shown


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://nowhere.invalid"])
async def test_unreachable_endpoint_leaves_no_request_on_the_error(open_account, url):
    account = open_account(endpoints=Endpoints(kinesis_video=url), session_token=Secret(TOKEN))
    with pytest.raises(CloudError) as caught:
        await account.kinesis_video("eu-west-1").describe_channel(ARN)
    assert TOKEN not in everything_of(caught.value)


async def test_no_log_holds_a_secret_even_at_debug_level(stranger, account, caplog):
    caplog.set_level(logging.DEBUG)
    password, access_token = "turn-password-1234", "tunnel-access-token-5678"
    endpoints = [
        {"Protocol": "WSS", "ResourceEndpoint": "ws://127.0.0.1:1"},
        {"Protocol": "HTTPS", "ResourceEndpoint": stranger.url},
    ]
    server = {"Uris": ["turn:h:1"], "Username": "u", "Password": password, "Ttl": 300}
    video, tunnels = account.kinesis_video("eu-west-1"), account.tunneling("eu-west-1")
    stranger.says(json.dumps({"IceServerList": [server]}))
    assert password not in repr(await video.ice_servers(IceRequest(ARN)))
    stranger.says(json.dumps({"ResourceEndpointList": endpoints}))
    url = await video.signaling_url(ARN, Role.VIEWER, "v1")
    tokens = {"sourceAccessToken": access_token, "destinationAccessToken": access_token}
    stranger.says(json.dumps({"tunnelId": "t", **tokens}))
    assert access_token not in repr(await tunnels.open(TunnelRequest()))
    stranger.says("<html>", content_type="text/html")
    with pytest.raises(CloudError):
        await video.describe_channel(ARN)
    signature = url.rpartition("X-Amz-Signature=")[2]
    for secret in (SECRET_KEY, TOKEN, password, access_token, signature, "Authorization"):
        assert secret not in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        f"x-amz-security-token={TOKEN}&x=1",
        f"wss://h/?X-Amz-Security-Token={TOKEN[:30]}&X-Amz-Signature={'a1' * 32}",
        f'{{"SecretAccessKey": "{SECRET_KEY}", "SessionToken": "{TOKEN[:40]}"}}',
        f"AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu, SignedHeaders=host, Signature={'a1' * 32}",
        f"http://user:{SECRET_KEY.replace('/', '')}@proxy:3128",
        f"something {TOKEN} else",
    ],
)
def test_scrubbing_finds_secrets_by_their_form(text):
    clean = scrub(text)
    for secret in (TOKEN, TOKEN[:30], SECRET_KEY, SECRET_KEY.replace("/", ""), "a1" * 32):
        assert secret not in clean


@pytest.mark.parametrize(
    "text",
    [
        f"Channel {ARN} does not exist",
        "User: arn:aws:sts::111122223333:assumed-role/support/ann is not authorized to perform: "
        "kinesisvideo:GetIceServerConfig on resource: " + ARN,
        'Could not connect to the endpoint URL: "https://r-1.kinesisvideo.eu-west-1.amazonaws.com"',
    ],
)
def test_scrubbing_leaves_plain_words_alone(text):
    assert scrub(text) == text


def test_cloud_error_survives_pickling_with_its_words():
    error = CloudError("words", operation="Op", kind=Kind.LIMIT, code="C", status=400)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == "Op: C: words (HTTP 400)"
    assert again.kind is Kind.LIMIT
