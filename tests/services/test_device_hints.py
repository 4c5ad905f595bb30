"""What people are told of a device that is silent or speaks an older version."""

import pytest

from peerdeck.core.tunnel import DeviceHint, ServicePort, TunnelLink
from peerdeck.services.device_hints import advice

ONE, TWO = (ServicePort("SSH"),), (ServicePort("SSH"), ServicePort("HTTP"))


def test_nothing_is_said_of_a_device_that_does_as_it_should():
    assert advice(TunnelLink()) is None


@pytest.mark.parametrize("hint", [hint for hint in DeviceHint if hint])
def test_each_hint_has_a_word_a_title_and_a_remedy_in_sentences(hint):
    said = advice(TunnelLink(services=ONE, hint=hint))
    assert said is not None
    assert said.word[0].islower()
    assert len(said.word) <= 26, "it stands beside “Connected” in the smallest window"
    for sentence in (said.title, said.remedy):
        assert sentence[0].isupper()
        assert sentence.endswith(".")


def test_only_limits_to_know_of_are_calm():
    calm = {
        hint
        for hint in DeviceHint
        if (said := advice(TunnelLink(hint=hint))) and said.tone == "info"
    }
    assert calm == {DeviceHint.V1, DeviceHint.V2}


@pytest.mark.parametrize(
    ("services", "connected", "title", "remedy"),
    [
        (ONE, None, "has not answered yet", "that what it connects to there answers"),
        (ONE, True, "has not answered yet", "that what it connects to there answers"),
        (TWO, None, "has not answered yet", "open a tunnel with one service"),
        (TWO, True, "has not answered yet", "open a tunnel with one service"),
        (TWO, False, "is not connected", "that it is on and that its tunnel agent runs."),
    ],
)
def test_a_silent_device_is_explained_by_what_is_known(services, connected, title, remedy):
    said = advice(TunnelLink(services=services, hint=DeviceHint.SILENT), connected)
    assert said is not None
    assert title in said.title
    assert said.remedy.find(remedy) >= 0
    assert ("one service" in said.remedy) == ("one service" in remedy)
