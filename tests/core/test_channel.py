import pytest

from peerdeck.core.channel import CHANNEL_ARN, CLIENT_ID, region_of
from peerdeck.core.errors import FieldError

ARN = "arn:aws:kinesisvideo:eu-west-1:123456789012:channel/front-door/1700000000000"


@pytest.mark.parametrize(
    "arn",
    [
        ARN,
        ARN.replace("arn:aws:", "arn:aws-cn:").replace("eu-west-1", "cn-north-1"),
        ARN.replace("arn:aws:", "arn:aws-us-gov:").replace("eu-west-1", "us-gov-west-1"),
    ],
)
def test_arns_of_every_partition_are_accepted(arn):
    assert CHANNEL_ARN.check(arn) == arn


@pytest.mark.parametrize(
    "arn",
    [
        "front-door",
        ARN.replace("kinesisvideo", "s3"),
        ARN.removesuffix("/1700000000000"),
        ARN + "\n",
        ARN.replace("front-door", "front door"),
        f"x{ARN}",
    ],
)
def test_wrong_arn_names_field_value_and_rule(arn):
    with pytest.raises(FieldError) as caught:
        region_of(arn)
    assert caught.value.field == "Channel ARN"
    assert caught.value.value == arn
    assert "arn:aws:kinesisvideo:REGION" in str(caught.value)


def test_arn_may_have_1024_characters_and_no_more():
    longest = ARN.replace("front-door", "f" * (1024 - len(ARN) + len("front-door")))
    assert len(longest) == 1024
    assert CHANNEL_ARN.check(longest)
    with pytest.raises(FieldError, match="1 to 1024"):
        CHANNEL_ARN.check(longest.replace("fff", "ffff", 1))


def test_region_is_read_from_the_arn():
    assert region_of(ARN) == "eu-west-1"


@pytest.mark.parametrize("client_id", ["AWS_x", "a b", "ü", "x" * 257])
def test_client_id_rules(client_id):
    assert CLIENT_ID.problem(client_id).startswith("Client ID")


def test_client_id_may_be_absent_and_may_contain_aws_later():
    assert not CLIENT_ID.problem("")
    assert not CLIENT_ID.problem("my_AWS_viewer.1-2")
