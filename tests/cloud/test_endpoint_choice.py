"""Dual-stack and FIPS endpoints, and one's own: which names are asked, and what is said of none."""

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError
from botocore.httpsession import URLLib3Session

from peerdeck.cloud.errors import CloudError, Kind
from peerdeck.core.channel import Role
from peerdeck.core.endpoints import EndpointChoice, Endpoints
from peerdeck.services.explain import cloud_problem

ARN = "arn:aws:kinesisvideo:eu-west-1:123456789012:channel/front-door/1700000000000"


@pytest.fixture
def asked(monkeypatch):
    """The URLs that botocore asks; nobody is there."""
    urls = []

    def send(self, request) -> AWSResponse:
        urls.append(request.url)
        raise EndpointConnectionError(endpoint_url=request.url, error="Name or service not known")

    monkeypatch.setattr(URLLib3Session, "send", send)
    monkeypatch.setattr("peerdeck.cloud.account.ATTEMPTS", 1)
    return urls


async def failure(account, region, choice):
    with pytest.raises(CloudError) as caught:
        await account.kinesis_video(region, choice).describe_channel(ARN)
    return caught.value


@pytest.mark.parametrize(
    ("region", "choice", "host"),
    [
        ("eu-west-1", EndpointChoice(), "kinesisvideo.eu-west-1.amazonaws.com"),
        ("eu-west-1", EndpointChoice(dual_stack=True), "kinesisvideo.eu-west-1.api.aws"),
        ("eu-west-1", EndpointChoice(fips=True), "kinesisvideo-fips.eu-west-1.amazonaws.com"),
        (
            "cn-north-1",
            EndpointChoice(dual_stack=True),
            "kinesisvideo.cn-north-1.api.amazonwebservices.com.cn",
        ),
        ("us-gov-west-1", EndpointChoice(), "kinesisvideo-fips.us-gov-west-1.amazonaws.com"),
        (
            "us-gov-west-1",
            EndpointChoice(dual_stack=True),
            "kinesisvideo-fips.us-gov-west-1.api.aws",
        ),
        ("eu-west-1", EndpointChoice("https://vpce.example:444", fips=True), "vpce.example:444"),
    ],
)
async def test_the_name_that_is_asked(open_account, asked, region, choice, host):
    await failure(open_account(), region, choice)
    assert {url.split("/")[2] for url in asked} == {host}


async def test_choices_do_not_mix(open_account, asked):
    account = open_account()
    await failure(account, "eu-west-1", EndpointChoice(dual_stack=True))
    await failure(account, "eu-west-1", EndpointChoice())
    assert [url.split("/")[2] for url in asked][-1] == "kinesisvideo.eu-west-1.amazonaws.com"


async def test_a_kind_that_the_region_does_not_have_is_named(open_account, asked):
    account = open_account()
    error = await failure(account, "eu-west-1", EndpointChoice(fips=True))
    assert error.kind is Kind.UNREACHABLE
    assert "The FIPS endpoint of eu-west-1 is not known to exist" in error.message
    assert "kinesisvideo-fips.eu-west-1" in cloud_problem(error, "join x").detail
    error = await failure(account, "us-gov-west-1", EndpointChoice(fips=True))
    assert "The FIPS endpoint of us-gov-west-1 cannot be reached" in error.message
    asked.clear()
    error = await failure(account, "us-iso-east-1", EndpointChoice(dual_stack=True))
    assert error.kind is Kind.INVALID
    assert error.message == "us-iso-east-1 has no dual-stack endpoints."
    assert asked == []


async def test_the_accounts_own_endpoint_stands_in_for_every_kind(open_account, asked):
    account = open_account(endpoints=Endpoints(kinesis_video="http://127.0.0.1:9"))
    error = await failure(account, "eu-west-1", EndpointChoice(dual_stack=True, fips=True))
    assert "dual-stack" not in error.message
    assert {url.split("/")[2] for url in asked} == {"127.0.0.1:9"}


async def test_one_joins_own_endpoint_is_asked_and_names_the_channels(open_account, stranger):
    stranger.says(
        '{"ResourceEndpointList": [{"Protocol": "HTTPS", "ResourceEndpoint": "'
        + stranger.url
        + '/chan"}, {"Protocol": "WSS", "ResourceEndpoint": "ws://127.0.0.1:7/"}]}'
    )
    elsewhere = Endpoints(kinesis_video="http://127.0.0.1:9", kinesis_video_signaling="http://x:1")
    account = open_account(endpoints=elsewhere)
    video = account.kinesis_video("eu-west-1", EndpointChoice(stranger.url))
    assert (await video.endpoints(ARN, Role.MASTER)).wss == "ws://127.0.0.1:7/"
    url = await video.signaling_url(ARN, Role.MASTER)
    assert url.startswith("ws://127.0.0.1:7/?")
    assert video._signaling_override() == ""


def test_the_stun_server_follows_the_choice(open_account):
    account = open_account()
    video = account.kinesis_video("eu-west-1", EndpointChoice(dual_stack=True))
    uri = video.stun_server().uris[0]
    assert (uri.scheme, uri.host) == ("stun", "stun.kinesisvideo.eu-west-1.api.aws")
    gov = account.kinesis_video("us-gov-east-1").stun_server().uris[0]
    assert (gov.scheme, gov.port) == ("stuns", 443)
