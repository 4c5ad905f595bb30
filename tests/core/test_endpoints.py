import pytest

from peerdeck.core.endpoints import Endpoints, check_endpoint
from peerdeck.core.errors import FieldError
from peerdeck.core.region import Region


def test_environment_round_trip():
    endpoints = Endpoints(
        kinesis_video="http://127.0.0.1:1",
        kinesis_video_signaling="https://x:2",
        iot_secure_tunneling="http://127.0.0.1:1",
        sts="http://127.0.0.1:1",
        tunnel_data="ws://127.0.0.1:3",
        stun="stun:127.0.0.1:4",
    )
    assert Endpoints.from_environment(endpoints.environment()) == endpoints


def test_general_variable_stands_in_for_http_endpoints_only():
    endpoints = Endpoints.from_environment(
        {"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_STS": "http://sts:2"}
    )
    assert endpoints.kinesis_video == "http://all:1"
    assert endpoints.sts == "http://sts:2"
    assert endpoints.tunnel_data == endpoints.stun == ""


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("sts", "127.0.0.1:80"),
        ("sts", "ftp://x"),
        ("sts", "http://"),
        ("sts", "http://x:99999"),
        ("tunnel_data", "http://x"),
        ("stun", "http://x"),
        ("stun", "stun:"),
    ],
)
def test_wrong_url_names_the_endpoint_and_an_example(name, url):
    with pytest.raises(FieldError, match=r"must look like|is not a URL") as caught:
        check_endpoint(name, url)
    assert name in caught.value.field


def test_first_set_of_endpoints_wins_field_by_field():
    mine = Endpoints(sts="http://mine")
    assert mine.over(Endpoints(sts="http://other", stun="stun:other:1")) == Endpoints(
        sts="http://mine", stun="stun:other:1"
    )


def test_stun_server_of_each_partition():
    ireland = Region("eu-west-1", "")
    assert ireland.stun_uri() == "stun:stun.kinesisvideo.eu-west-1.amazonaws.com:443"
    assert ireland.stun_uri(dual_stack=True) == "stun:stun.kinesisvideo.eu-west-1.api.aws:443"
    china = Region("cn-north-1", "", "aws-cn", "amazonaws.com.cn")
    assert china.stun_uri() == "stun:stun.kinesisvideo.cn-north-1.amazonaws.com.cn:443"
    gov = Region("us-gov-west-1", "", "aws-us-gov")
    assert gov.stun_uri() == "stuns:stun.kinesisvideo-fips.us-gov-west-1.amazonaws.com:443"
    assert gov.stun_uri(fips=True) == gov.stun_uri()
    assert gov.stun_uri(dual_stack=True).endswith("-fips.us-gov-west-1.api.aws:443")


def test_environment_is_read_as_aws_reads_it():
    general = {"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_STS": ""}
    assert Endpoints.from_environment(general).sts == "http://all:1"
    ignored = general | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE"}
    assert Endpoints.from_environment(ignored) == Endpoints()
