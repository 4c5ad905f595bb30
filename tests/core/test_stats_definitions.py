"""Every figure that can be shown can say what it is."""

import gzip
import json
from pathlib import Path

from peerdeck.core.stats_definitions import DEFINITIONS, definition_of

DUMP = Path(__file__).parents[1] / "data" / "chromium-156-webrtc-internals.json.gz"


def every():
    return [(k, member, found) for k, of in DEFINITIONS.items() for member, found in of.items()]


def test_words_are_one_short_sentence():
    for kind, member, found in every():
        assert 3 < len(found.words) <= 110, (kind, member)
        assert found.words.endswith((".", "…")), (kind, member)
        assert ". " not in found.words, (kind, member)


def test_only_numbers_have_units():
    for kind, member, found in every():
        assert found.kind in {"counter", "gauge", "text", "flag"}, (kind, member)
        assert not (found.unit and found.kind in {"text", "flag"}), (kind, member)


def test_what_nobody_defined_has_no_words():
    assert definition_of("inbound-rtp", "noSuchMember").words == ""
    assert definition_of("no-such-type", "ssrc").words == ""


def test_names_that_two_types_share_are_told_apart():
    assert "we sent" in definition_of("inbound-rtp", "pliCount").words
    assert "came" in definition_of("outbound-rtp", "pliCount").words


def test_all_that_chromium_dumps_is_defined():
    content = json.loads(gzip.decompress(DUMP.read_bytes()))
    dumped = {
        (series["statsType"], name.rpartition("-")[2])
        for connection in content["PeerConnections"].values()
        for name, series in connection["stats"].items()
        if "[" not in name  # what the page worked out by itself
    }
    # "track.totalFrames" and its like are no standard's.
    undefined = {(k, m) for k, m in dumped if "." not in m and not definition_of(k, m).words}
    assert len(dumped) > 150
    assert not undefined
