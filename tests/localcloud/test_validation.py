"""Constraints of the models, at their edges."""

import pytest

from peerdeck.localcloud import models
from peerdeck.localcloud.validation import InvalidFieldsError, check


def accepts(service: str, operation: str, **fields: object) -> bool:
    shape = models.operation_model(service, operation).input_shape
    assert shape is not None
    try:
        check(shape, fields)
    except InvalidFieldsError:
        return False
    return True


def tag_key(text: str) -> bool:
    return accepts("iotsecuretunneling", "OpenTunnel", tags=[{"key": text, "value": ""}])


def description(text: str) -> bool:
    return accepts("iotsecuretunneling", "OpenTunnel", description=text)


@pytest.mark.parametrize(
    "text", ["a", "ß", "Ω", "日本", "٣", "½", "a b", "x\u00a0y", "_.:/=+-@", "é@1"]
)
def test_letters_numbers_and_spaces_of_any_script_may_name_a_tag(text: str) -> None:
    assert tag_key(text)


@pytest.mark.parametrize("text", ["!", "é!", "€", "a\u0301", "😀", "é\n", "\u200b", "a\\", "ü*"])
def test_symbols_marks_and_controls_may_not(text: str) -> None:
    assert not tag_key(text)


@pytest.mark.parametrize("text", ["!", "€ 😀 a\u0301", "日本", "\u00a0", "x" * 2048])
def test_a_description_is_any_text_without_controls(text: str) -> None:
    assert description(text)


@pytest.mark.parametrize(
    "text", ["", "\n", "a\tb", "\x7f", "\x85", "\u200b", "\ud800", "\ue000", "x" * 2049]
)
def test_controls_formats_surrogates_and_private_characters_are_none(text: str) -> None:
    assert not description(text)


@pytest.mark.parametrize(
    ("count", "fine"), [(0, False), (1, True), (10_000, True), (10_001, False)]
)
def test_both_bounds_of_a_number_belong_to_it(count: int, fine: bool) -> None:
    assert accepts("kinesisvideo", "ListSignalingChannels", MaxResults=count) is fine


@pytest.mark.parametrize(("length", "fine"), [(1, True), (256, True), (257, False)])
def test_both_bounds_of_a_length_belong_to_it(length: int, fine: bool) -> None:
    assert accepts("kinesisvideo", "DescribeSignalingChannel", ChannelName="x" * length) is fine


def test_a_whole_text_must_match_not_its_start() -> None:
    assert not accepts("kinesisvideo", "DescribeSignalingChannel", ChannelName="ok\n")
    assert not accepts("kinesisvideo", "DescribeSignalingChannel", ChannelName="ok!")
