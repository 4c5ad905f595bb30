import asyncio
import json
import socket
import time
from email.utils import formatdate
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import web

from peerdeck.cloud.errors import CloudError, Kind
from peerdeck.core.channel import Role
from peerdeck.core.endpoints import Endpoints
from peerdeck.core.errors import FieldError
from peerdeck.core.ice import IceRequest
from peerdeck.core.tunnel import Mode, Tunnel, TunnelRequest

ARN = "arn:aws:kinesisvideo:eu-west-1:111122223333:channel/front-door/1700000000000"
REQUEST = IceRequest(ARN)
GOOD_SERVER = {
    "Uris": ["turn:1-2-3-4.t-1.kinesisvideo.eu-west-1.amazonaws.com:443?transport=udp"],
    "Username": "u",
    "Password": "p-a-s-s",
    "Ttl": 300,
}


@pytest.fixture
def account(stranger, open_account):
    return open_account(endpoints=stranger.endpoints)


@pytest.fixture
def video(account):
    return account.kinesis_video("eu-west-1")


async def failure(call) -> CloudError:
    with pytest.raises(CloudError) as caught:
        await call
    return caught.value


def aws_error(code, message="words", **headers):
    return json.dumps({"message": message}), {"x_amzn_errortype": code, "x_amzn_requestid": "r-1"}


@pytest.mark.parametrize("status", [200, 400, 401, 404, 500])
async def test_placeholder_body_is_not_aws_with_its_code_and_message(stranger, video, status):
    stranger.says(
        json.dumps({"success": False, "error": {"code": "ERR_1", "message": "no such thing"}}),
        status=status,
    )
    error = await failure(video.ice_servers(REQUEST))
    assert (error.kind, error.code, error.message) == (Kind.NOT_AWS, "ERR_1", "no such thing")
    assert (error.status, error.operation) == (status, "GetIceServerConfig")
    assert len(stranger.seen) == 1


async def test_successful_placeholder_is_not_aws_either(stranger, video, account):
    stranger.says(json.dumps({"success": True, "data": {"iceServers": []}}))
    assert (await failure(video.ice_servers(REQUEST))).kind is Kind.NOT_AWS
    assert (await failure(account.describe())).kind is Kind.NOT_AWS
    assert (await failure(anext(video.list_channels()))).kind is Kind.NOT_AWS


@pytest.mark.parametrize("status", [200, 302, 403, 404, 500])
async def test_web_page_is_not_aws_and_its_title_is_shown(stranger, video, account, status):
    page = "<html><head><title>Welcome to nginx!</title></head><body>…</body></html>"
    stranger.says(page, status=status, content_type="text/html")
    error = await failure(video.describe_channel(ARN))
    assert (error.kind, error.status) == (Kind.NOT_AWS, status)
    assert "text/html" in error.message
    assert "Welcome to nginx!" in error.message
    assert (await failure(account.describe())).kind is Kind.NOT_AWS


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_gateways_page_means_unreachable_and_is_tried_again(stranger, account, status):
    stranger.says("<html>Bad gateway</html>", status=status, content_type="text/html")
    error = await failure(account.kinesis_video("eu-west-1").describe_channel(ARN))
    assert (error.kind, error.status) == (Kind.UNREACHABLE, status)
    assert len(stranger.seen) == 3


@pytest.mark.parametrize(
    "body",
    ["", "[]", "null", "{", '"text"', "{}", '{"ChannelInfo": {}}', '{"ChannelInfo": "text"}'],
)
async def test_answer_in_another_form_is_not_aws(stranger, video, body):
    stranger.says(body)
    assert (await failure(video.describe_channel(ARN))).kind is Kind.NOT_AWS


async def test_listing_in_unknown_words_is_not_an_empty_listing(stranger, video):
    stranger.says('{"items": []}')
    assert (await failure(anext(video.list_channels()))).kind is Kind.NOT_AWS
    stranger.says("{}")
    assert [page async for page in video.list_channels()] == [()]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "ClientLimitExceededException", Kind.THROTTLED),
        (400, "InvalidArgumentException", Kind.INVALID),
        (400, "InvalidClientException", Kind.INVALID),
        (400, "SessionExpiredException", Kind.EXPIRED),
        (401, "NotAuthorizedException", Kind.DENIED),
        (404, "ResourceNotFoundException", Kind.NOT_FOUND),
        (403, "AccessDeniedException", Kind.DENIED),
        (403, "ExpiredTokenException", Kind.EXPIRED),
        (403, "UnrecognizedClientException", Kind.DENIED),
        (403, "InvalidSignatureException", Kind.DENIED),
        (418, "SomethingNewException", Kind.OTHER),
    ],
)
async def test_each_aws_error_keeps_its_own_words(stranger, video, status, code, kind):
    body, headers = aws_error(code)
    stranger.says(body, status=status, **headers)
    error = await failure(video.ice_servers(REQUEST))
    assert (error.kind, error.code, error.status) == (kind, code, status)
    assert (error.message, error.request_id, error.operation) == (
        "words",
        "r-1",
        "GetIceServerConfig",
    )
    assert type(error.__cause__).__name__ in {code, "ClientError"}


async def test_json_1_1_errors_are_understood(stranger, account):
    stranger.says(
        json.dumps({"__type": "com.amazon#LimitExceededException", "message": "too many"}),
        status=400,
    )
    error = await failure(account.tunneling("eu-west-1").open(TunnelRequest()))
    assert (error.kind, error.code, error.message) == (
        Kind.LIMIT,
        "LimitExceededException",
        "too many",
    )


async def test_sts_errors_in_xml_are_understood(stranger, account):
    stranger.says(
        "<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>The security token is "
        "invalid.</Message></Error><RequestId>r-9</RequestId></ErrorResponse>",
        status=403,
        content_type="text/xml",
    )
    error = await failure(account.describe("eu-west-1"))
    assert (error.kind, error.code, error.request_id) == (
        Kind.DENIED,
        "InvalidClientTokenId",
        "r-9",
    )


async def test_clock_offset_is_learned_from_a_refusal_and_explains_it(stranger, account):
    body, headers = aws_error("InvalidSignatureException", "Signature mismatch")
    ahead = formatdate(time.time() + 1000, usegmt=True)
    stranger.says(body, status=403, Date=ahead, **headers)
    error = await failure(account.kinesis_video("eu-west-1").describe_channel(ARN))
    assert error.kind is Kind.CLOCK
    assert error.clock_offset_s == pytest.approx(1000, abs=5)


async def test_strangers_clock_teaches_nothing(stranger, account):
    stranger.says("{}", Date=formatdate(time.time() + 1000, usegmt=True))
    await failure(account.kinesis_video("eu-west-1").describe_channel(ARN))
    assert account.clock_offset_s is None


async def test_signaling_url_is_signed_by_the_services_clock(stranger, account):
    endpoints = [
        {"Protocol": "WSS", "ResourceEndpoint": "wss://v-1.example"},
        {"Protocol": "HTTPS", "ResourceEndpoint": "https://r-1.example"},
    ]
    ahead = formatdate(time.time() + 1000, usegmt=True)
    stranger.says(json.dumps({"ResourceEndpointList": endpoints}), Date=ahead, x_amzn_requestid="r")
    url = await account.kinesis_video("eu-west-1").signaling_url(ARN, Role.VIEWER, "v1")
    signed_at = dict(parse_qsl(urlsplit(url).query))["X-Amz-Date"]
    expected = time.strftime("%Y%m%dT%H%M", time.gmtime(time.time() + 1000))
    later = time.strftime("%Y%m%dT%H%M", time.gmtime(time.time() + 1060))
    assert signed_at[:13] in {expected, later}


async def test_endpoints_are_asked_for_once_for_each_role(stranger, video):
    endpoints = [
        {"Protocol": "WSS", "ResourceEndpoint": "ws://127.0.0.1:1"},
        {"Protocol": "HTTPS", "ResourceEndpoint": stranger.url},
    ]
    stranger.says(json.dumps({"ResourceEndpointList": endpoints}))
    await video.signaling_url(ARN, Role.VIEWER, "v1")
    await video.signaling_url(ARN, Role.VIEWER, "v2")
    assert len(stranger.seen) == 1
    await video.signaling_url(ARN, Role.MASTER)
    roles = [
        json.loads(seen.body)["SingleMasterChannelEndpointConfiguration"]["Role"]
        for seen in stranger.seen
    ]
    assert roles == ["VIEWER", "MASTER"]


@pytest.mark.parametrize(("role", "client_id"), [(Role.VIEWER, ""), (Role.MASTER, "v1")])
async def test_client_id_is_every_viewers_and_no_masters(video, role, client_id):
    with pytest.raises(FieldError, match="Client ID"):
        await video.signaling_url(ARN, role, client_id)


@pytest.mark.parametrize(
    "broken",
    [
        {"Ttl": 29},
        {"Ttl": 86401},
        {"Ttl": "soon"},
        {"Ttl": True},
        {"Ttl": None},
        {"Uris": []},
        {"Uris": ["http://not-ice"]},
        {"Uris": "turn:h:1"},
        {"Username": ""},
        {"Password": None},
    ],
)
async def test_ice_answer_that_breaks_the_services_promises_is_not_aws(stranger, video, broken):
    stranger.says(json.dumps({"IceServerList": [GOOD_SERVER | broken]}))
    error = await failure(video.ice_servers(REQUEST))
    assert (error.kind, error.operation) == (Kind.NOT_AWS, "GetIceServerConfig")


async def test_bad_ice_uri_is_left_out_with_a_note(stranger, video, caplog):
    uris = [*GOOD_SERVER["Uris"], "turn:h:99999", "gopher://h"]
    stranger.says(json.dumps({"IceServerList": [GOOD_SERVER | {"Uris": uris}]}))
    (server,) = await video.ice_servers(REQUEST)
    assert [uri.text for uri in server.uris] == GOOD_SERVER["Uris"]
    assert caplog.text.count("left out an ICE server") == 2


async def test_ice_credentials_end_ttl_seconds_after_now(stranger, open_account):
    account = open_account(endpoints=stranger.endpoints, clock=lambda: 5000.0)
    stranger.says(json.dumps({"IceServerList": [GOOD_SERVER]}))
    (server,) = await account.kinesis_video("eu-west-1").ice_servers(REQUEST)
    assert (server.expires_at, server.ttl_s, server.username) == (5300.0, 300, "u")
    assert server.password.reveal() == "p-a-s-s"
    sent = stranger.seen[0]
    assert json.loads(sent.body) == {"ChannelARN": ARN, "Service": "TURN"}
    assert "peerdeck/" in sent.headers["User-Agent"]


@pytest.mark.parametrize("override", ["", "{}", "{}/"])
async def test_ice_servers_are_asked_on_the_channels_own_endpoint(stranger, open_account, override):
    account = open_account(
        endpoints=Endpoints(
            kinesis_video=stranger.url, kinesis_video_signaling=override.format(stranger.url)
        )
    )
    endpoints = [
        {"Protocol": "WSS", "ResourceEndpoint": "wss://v"},
        {"Protocol": "HTTPS", "ResourceEndpoint": stranger.url},
    ]

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/getSignalingChannelEndpoint":
            return web.json_response({"ResourceEndpointList": endpoints})
        return web.json_response({"IceServerList": [GOOD_SERVER]})

    stranger.answer = answer
    assert await account.kinesis_video("eu-west-1").ice_servers(REQUEST)
    paths = [seen.path for seen in stranger.seen]
    assert paths == ["/getSignalingChannelEndpoint", "/v1/get-ice-server-config"]


async def test_signaling_endpoint_of_its_own_comes_before_the_channels(stranger, video):
    stranger.says(json.dumps({"IceServerList": [GOOD_SERVER]}))
    assert await video.ice_servers(REQUEST)
    assert [seen.path for seen in stranger.seen] == ["/channel/v1/get-ice-server-config"]


async def test_refusal_in_xml_by_the_regional_endpoint_is_denied(stranger, video):
    stranger.says(
        "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be "
        "authorized</Message>\n</AccessDeniedException>\n",
        status=403,
        content_type="text/xml",
        x_amzn_requestid="r-1",
    )
    error = await failure(video.ice_servers(REQUEST))
    assert (error.kind, error.code) == (Kind.DENIED, "AccessDeniedException")
    assert error.message == "Unable to determine service/operation name to be authorized"


async def test_repeating_page_token_ends_the_listing(stranger, video):
    stranger.says(json.dumps({"ChannelInfoList": [], "NextToken": "again"}))
    with pytest.raises(CloudError, match="does not end"):
        async for _ in video.list_channels():
            pass
    assert len(stranger.seen) == 2


async def test_refused_connection_is_unreachable(open_account):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    account = open_account(endpoints=Endpoints(kinesis_video=url))
    error = await failure(account.kinesis_video("eu-west-1").describe_channel(ARN))
    assert (error.kind, error.status) == (Kind.UNREACHABLE, 0)
    assert url in error.message


async def test_name_that_does_not_resolve_is_unreachable(open_account):
    account = open_account(endpoints=Endpoints(kinesis_video="https://nowhere.invalid"))
    error = await failure(account.kinesis_video("eu-west-1").describe_channel(ARN))
    assert error.kind is Kind.UNREACHABLE


async def test_tunnel_is_never_opened_twice_by_a_retry(stranger, account):
    stranger.says("<html>gateway</html>", status=503, content_type="text/html")
    await failure(account.tunneling("eu-west-1").open(TunnelRequest()))
    assert len(stranger.seen) == 1


async def test_rotation_tells_the_thing_again(stranger, account):
    stranger.says(json.dumps({"sourceAccessToken": "s", "destinationAccessToken": "d"}))
    tunnel = Tunnel("t-1", "arn", "OPEN", thing="pump-07", services=("SSH",))
    tokens = await account.tunneling("eu-west-1").rotate(tunnel, (Mode.SOURCE, Mode.DESTINATION))
    assert (tokens.source.reveal(), tokens.destination.reveal()) == ("s", "d")
    await account.tunneling("eu-west-1").rotate(tunnel, (Mode.SOURCE,))
    everything, source_only = (json.loads(seen.body) for seen in stranger.seen)
    assert everything == {
        "tunnelId": "t-1",
        "clientMode": "ALL",
        "destinationConfig": {"thingName": "pump-07", "services": ["SSH"]},
    }
    assert source_only == {"tunnelId": "t-1", "clientMode": "SOURCE"}


async def test_open_without_its_token_is_not_aws(stranger, account):
    stranger.says(json.dumps({"tunnelId": "t", "sourceAccessToken": "s"}))
    error = await failure(account.tunneling("eu-west-1").open(TunnelRequest()))
    assert error.kind is Kind.NOT_AWS
    assert "destinationAccessToken" in error.message


async def test_closing_waits_two_seconds_at_most_for_a_silent_server(stranger, account):
    silent = asyncio.Event()
    asked = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        asked.set()
        await silent.wait()
        return web.Response()

    stranger.answer = answer
    async with asyncio.TaskGroup() as group:
        call = group.create_task(failure(account.describe()))
        await asked.wait()
        before = time.monotonic()
        await account.aclose()
        assert time.monotonic() - before < 3
        with pytest.raises(RuntimeError, match="closed"):
            await account.describe()
        silent.set()  # the call that was on its way still ends, and so does its thread
        assert (await call).kind is Kind.NOT_AWS
    await account.aclose()


async def test_cancelled_call_gives_up_at_once_and_its_thread_ends(stranger, account):
    silent = asyncio.Event()
    asked = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        asked.set()
        await silent.wait()
        return web.json_response({})

    stranger.answer = answer
    async with asyncio.TaskGroup() as group:
        call = group.create_task(account.describe())
        await asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        silent.set()
    await account.aclose()
