"""What `peerdeck proxy` says of its link and of the device."""

import io
import json
from dataclasses import replace

from peerdeck.cli.proxy_output import JsonEvents, Lines
from peerdeck.core.tunnel import DeviceHint, LinkState, ServicePort, TunnelLink

READY = TunnelLink(LinkState.READY, (ServicePort("SSH", "127.0.0.1", 2222),))
SILENT = replace(READY, hint=DeviceHint.TRYING_V1)
OLD = replace(READY, hint=DeviceHint.V1)


def test_json_tells_each_hint_once_with_its_word_and_what_to_do():
    stream = io.StringIO()
    events = JsonEvents(stream, clock=lambda: 7.0)
    for link in (READY, SILENT, SILENT, READY, OLD):
        events.tell(link)
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in told] == ["state", "device", "device", "device"]
    assert [event["hint"] for event in told[1:]] == ["trying-v1", "", "v1"]
    assert told[1]["message"] == "The device has not answered yet."
    assert "version 1" in told[1]["remedy"]
    assert told[2]["message"] == "The device answers."


def test_words_tell_each_hint_once_and_that_the_device_is_there_again():
    stream = io.StringIO()
    lines = Lines(stream, 4)
    for link in (READY, SILENT, SILENT, READY):
        lines.tell(link)
    silent, back = stream.getvalue().splitlines()[2:]
    assert silent.startswith("peerdeck: The device has not answered yet. It is not connected, or")
    assert "that is tried in a few seconds." in silent
    assert back == "peerdeck: The device answers."


def test_a_hint_that_shows_amid_a_connection_is_told_with_the_next_tick():
    words, events = io.StringIO(), io.StringIO()
    for output in (Lines(words, 4), JsonEvents(events)):
        output.tell(READY)
        output.tick(OLD)
        output.tick(OLD)
    assert words.getvalue().count("version 1 of the tunnel protocol") == 1
    assert events.getvalue().count("v1") == 1


def test_who_wants_errors_only_is_not_told_of_devices():
    stream = io.StringIO()
    Lines(stream, 2).tell(SILENT)
    assert stream.getvalue() == ""
