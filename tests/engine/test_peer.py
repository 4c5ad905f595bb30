"""Two peers of ours, one offering, one answering, and whatever stands between them."""

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from peerdeck.core.channel import Role
from peerdeck.core.join import JoinOptions, Source
from peerdeck.core.peer_log import MESSAGE_BYTES_KEPT, PeerLog
from peerdeck.core.rtc_stats import StatsReport
from peerdeck.engine.errors import AnswerUnusable, ChannelNotOpen
from peerdeck.engine.media import MediaSources
from peerdeck.engine.peer import Peer, PeerEvents, renamed
from peerdeck.protocol import sdp as sdp_text
from peerdeck.protocol.sdp import sections

SENDING = JoinOptions(role=Role.MASTER, video=Source.GENERATED, audio=Source.GENERATED)
VIEWER = JoinOptions()


class End:
    """One peer; `changed` is set whenever anything happened."""

    def __init__(self, options, sources=None, **more):
        self.changed = asyncio.Event()
        self.received = []
        self.other = None
        self.peer = Peer(options, (), PeerLog("them"), self._events(), sources=sources, **more)
        self.peer.on_frame = self.changed.set

    @property
    def log(self):
        return self.peer._diary.log

    def names(self, kind):
        return [event.name for event in self.log.events if event.kind == kind]

    def send(self, candidate):
        self.other.peer.add(candidate)

    def _events(self):
        def message(data):
            self.received.append(data)
            self.changed.set()

        return PeerEvents(
            candidate_found=self.send,
            connection_changed=lambda _: self.changed.set(),
            channel_opened=self.changed.set,
            message_received=message,
        )

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def pair(offering=VIEWER, answering=SENDING, **more):
    sources = MediaSources.of(answering, "test")
    viewer, master = End(offering, **more), End(answering, sources)
    viewer.other, master.other = master, viewer
    try:
        yield viewer, master
    finally:
        await asyncio.gather(viewer.peer.close(0.5), master.peer.close(0.5))
        await sources.aclose()


async def connect(viewer, master, *, offered=lambda sdp: sdp, answered=lambda sdp: sdp):
    offer = await viewer.peer.offer()
    answer = await master.peer.answer(offered(offer))
    await viewer.peer.accept(answered(answer))
    await viewer.until(viewer.peer.established.is_set)
    await master.until(master.peer.established.is_set)


def without(kind):
    """What the master sees of an offer of which it will reject `kind`."""

    def offered(sdp):
        session, media = sections(sdp)
        kept = [section for section in media if section.kind != kind]
        lost = sdp_text.take_candidates(sdp)[1]
        mids = " ".join(section.mid for section in kept)
        session = [re.sub(r"^(a=group:BUNDLE).*", rf"\1 {mids}", line) for line in session]
        return sdp_text.put_candidates(
            sdp_text.take_candidates(sdp_text.text(session, kept))[0], lost
        )

    return offered


def rejecting(kind, place):
    """The answer with the rejected section where it belongs (RFC 3264 §6)."""

    def answered(sdp):
        session, media = sections(sdp)
        refused = sdp_text.Section([f"m={kind} 0 UDP/TLS/RTP/SAVPF 0", f"a=mid:{place}"])
        media.insert(place, refused)
        return sdp_text.text(session, media)

    return answered


async def test_picture_sound_and_texts_arrive():
    async with pair() as (viewer, master):
        heard = []
        viewer.peer.on_sound = heard.append
        await connect(viewer, master)
        await viewer.until(lambda: viewer.peer.frames > 2)
        await viewer.until(lambda: heard)
        assert len(heard[0]) % 4 == 0  # two channels of two bytes
        await viewer.until(lambda: any(c.readyState == "open" for c in viewer.peer.channels))
        viewer.peer.send("hello")
        viewer.peer.send(b"\x00\x01")
        await master.until(lambda: len(master.received) == 2)
        assert master.received == ["hello", b"\x00\x01"]
        assert master.peer.telemetry == "hello"
        master.peer.send("back")
        await viewer.until(lambda: viewer.received == ["back"])
        assert 90 <= viewer.peer.picture(100, 100).width <= 100


@pytest.mark.parametrize(("kind", "place"), [("video", 0), ("audio", 1)])
async def test_a_rejected_section_leaves_the_others(kind, place):
    async with pair() as (viewer, master):
        await connect(viewer, master, offered=without(kind), answered=rejecting(kind, place))
        await viewer.until(lambda: any(c.readyState == "open" for c in viewer.peer.channels))
        viewer.peer.send("still here")
        await master.until(lambda: master.received == ["still here"])
        if kind == "audio":
            await viewer.until(lambda: viewer.peer.frames > 0)
        (told,) = [e for e in viewer.log.events if e.name == "rejected by the master"]
        assert told.detail == kind


async def test_a_rejected_data_channel_leaves_the_picture():
    async with pair() as (viewer, master):
        await connect(
            viewer, master, offered=without("application"), answered=rejecting("application", 2)
        )
        await viewer.until(lambda: viewer.peer.frames > 0)
        assert [c.readyState for c in viewer.peer.channels] == ["closed"]
        with pytest.raises(ChannelNotOpen):
            viewer.peer.send("nobody listens")


@pytest.mark.parametrize(
    "offering",
    [
        replace(VIEWER, receive_audio=False),
        replace(VIEWER, receive_video=False),
        replace(VIEWER, receive_video=False, receive_audio=False),
        replace(VIEWER, data_channel=False),
    ],
)
async def test_the_answering_end_takes_what_is_offered(offering):
    async with pair(offering) as (viewer, master):
        await connect(viewer, master)
        if offering.receive_video:
            await viewer.until(lambda: viewer.peer.frames > 0)
        elif offering.data_channel:
            await viewer.until(lambda: any(c.readyState == "open" for c in viewer.peer.channels))


async def test_candidates_in_a_later_section_of_the_answer_count():
    """aiortc reads those of the last section alone, browsers write them into the first."""

    def moved(sdp):
        plain, candidates, _ = sdp_text.take_candidates(sdp)
        session, media = sections(plain)
        media[1].lines += [f"a=candidate:{text}" for text in candidates]
        return sdp_text.text(session, media)

    async with pair() as (viewer, master):
        await connect(viewer, master, answered=moved)


async def test_early_candidates_wait_for_the_description():
    async with pair(answering=replace(SENDING, video=Source.NONE, audio=Source.NONE)) as (
        viewer,
        master,
    ):
        offer = await viewer.peer.offer()
        answer, candidates, _ = sdp_text.take_candidates(await master.peer.answer(offer))
        for text in candidates:
            viewer.peer.add(sdp_text_candidate(text))
        assert not viewer.peer.has_remote_candidates
        await viewer.peer.accept(answer)
        await viewer.until(viewer.peer.established.is_set)


def sdp_text_candidate(text):
    from peerdeck.protocol.signaling import TrickledCandidate

    return TrickledCandidate(text, "0", 0)


async def test_the_log_tells_what_webrtc_internals_tells():
    async with pair() as (viewer, master):
        await connect(viewer, master)
        await viewer.until(lambda: any(c.readyState == "open" for c in viewer.peer.channels))
        assert viewer.names("sdp") == ["createOffer", "setLocalDescription", "setRemoteDescription"]
        assert master.names("sdp") == [
            "setRemoteDescription",
            "createAnswer",
            "setLocalDescription",
        ]
        peer = viewer.names("peer")
        for name in (
            "signalingstatechange",
            "icegatheringstatechange",
            "iceconnectionstatechange",
            "connectionstatechange",
            "dtlsstatechange",
        ):
            assert name in peer
        assert set(viewer.names("media")) == {"track"}
        assert {"icecandidate", "addIceCandidate", "selected pair"} <= set(
            viewer.names("candidate")
        )
        assert "open" in viewer.names("data")
        assert "datachannel" in master.names("data")
        local, remote = viewer.log.descriptions
        assert (local.side, local.type, remote.side, remote.type) == (
            "local",
            "offer",
            "remote",
            "answer",
        )
        assert local.before != local.sdp  # candidates were put in
        times = [event.at_s for event in viewer.log.events]
        assert times == sorted(times)


async def test_messages_are_kept_with_their_true_size():
    async with pair(
        replace(VIEWER, receive_video=False, receive_audio=False),
        replace(SENDING, video=Source.NONE, audio=Source.NONE),
    ) as (viewer, master):
        await connect(viewer, master)
        await viewer.until(lambda: any(c.readyState == "open" for c in viewer.peer.channels))
        viewer.peer.send(b"x" * 50_000)
        await master.until(lambda: master.received)
        (sent,), (got,) = viewer.log.messages, master.log.messages
        for message in (sent, got):
            assert (message.size, len(message.data), message.is_text) == (
                50_000,
                MESSAGE_BYTES_KEPT,
                False,
            )
        assert (sent.direction, got.direction) == ("sent", "received")


async def test_an_unreadable_description_is_told_and_kept():
    async with pair() as (viewer, _):
        offer = await viewer.peer.offer()
        with pytest.raises(AnswerUnusable):
            await viewer.peer.accept(offer.replace("a=ice-ufrag", "a=ice-unknown"))
        assert "setRemoteDescriptionOnFailure" in viewer.names("sdp")
        assert [d.side for d in viewer.log.descriptions] == ["local", "remote"]


async def test_closing_twice_and_before_anything_is_harmless():
    for options in (VIEWER, SENDING):
        end = End(options)
        await end.peer.close(0.5)
        await end.peer.close(0.5)


def test_ids_of_a_later_generation_are_its_own_and_point_to_each_other():
    report = StatsReport(
        1.0,
        {
            "T": {"type": "transport", "selectedCandidatePairId": "CP1", "bytesSent": 7},
            "CP1": {"type": "candidate-pair", "transportId": "T", "remoteCandidateId": "gone"},
        },
    )
    assert renamed(report, "~2") == StatsReport(
        1.0,
        {
            "T~2": {"type": "transport", "selectedCandidatePairId": "CP1~2", "bytesSent": 7},
            "CP1~2": {
                "type": "candidate-pair",
                "transportId": "T~2",
                "remoteCandidateId": "gone",
            },
        },
    )
