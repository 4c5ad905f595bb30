"""The eight plots that a session begins with, from whatever its statistics hold.

The figures are those of the cards (core/glance.py). Where a peer only sends, a plot tells the same
of what it sends: frames encoded, the loss that the other side reports.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from peerdeck.core.rtc_stats import TYPE
from peerdeck.core.stats_table import StatsTable
from peerdeck.gui.widgets.plots import units
from peerdeck.gui.widgets.plots.rows import Array, Rows
from peerdeck.gui.widgets.plots.units import Unit


class Objects:
    """Ids of a table's objects by type and kind; asked for again only when there are new ones."""

    def __init__(self, table: StatsTable) -> None:
        self._table = table
        self._known = -1
        self._by_type: dict[str, list[str]] = {}

    def of(self, kind: str, media: str = "") -> list[str]:
        texts = self._table.texts()
        if len(texts) != self._known:
            self._known = len(texts)
            self._by_type = {}
            for (name, member), changes in texts.items():
                if member == TYPE:
                    said = next((text for _, text in changes if text is not None), "")
                    self._by_type.setdefault(said, []).append(name)
        found = self._by_type.get(kind, [])
        if not media:
            return found
        return [name for name in found if _kind(self._table, name) == media]


def _kind(table: StatsTable, name: str) -> str:
    changes = table.texts().get((name, "kind")) or table.texts().get((name, "mediaType"), ())
    return next((text for _, text in changes if text is not None), "")


@dataclass(frozen=True, slots=True)
class Standard:
    """values(rows, objects): one for each row, in the unit."""

    name: str
    unit: Unit
    values: Callable[[Rows, Objects], Array]


def _rates(rows: Rows, names: Sequence[str], *members: str) -> list[Array]:
    return [rows.rate((name, member)) for name in names for member in members]


def _bitrate(member: str) -> Callable[[Rows, Objects], Array]:
    """Of the transports; where a browser has none of them, of the streams."""

    def values(rows: Rows, objects: Objects) -> Array:
        whole = rows.total(_rates(rows, objects.of("transport"), member))
        streams = [*objects.of("inbound-rtp"), *objects.of("outbound-rtp")]
        return 8 * rows.first_known([whole, rows.total(_rates(rows, streams, member))])

    return values


def _packets(rows: Rows, objects: Objects) -> Array:
    received = rows.total(_rates(rows, objects.of("inbound-rtp"), "packetsReceived"))
    sent = rows.total(_rates(rows, objects.of("outbound-rtp"), "packetsSent"))
    return rows.first_known([received, sent])


def _frames(rows: Rows, objects: Objects) -> Array:
    decoded = rows.total(_rates(rows, objects.of("inbound-rtp", "video"), "framesDecoded"))
    encoded = rows.total(_rates(rows, objects.of("outbound-rtp", "video"), "framesEncoded"))
    sent = rows.total(_rates(rows, objects.of("outbound-rtp", "video"), "framesSent"))
    return rows.first_known([decoded, encoded, sent])


def _height(rows: Rows, objects: Objects) -> Array:
    streams = [*objects.of("inbound-rtp", "video"), *objects.of("outbound-rtp", "video")]
    return rows.first_known([rows.value((name, "frameHeight")) for name in streams])


def _loss(rows: Rows, objects: Objects) -> Array:
    """Of the packets expected; late ones make the loss of an interval negative: 0 then."""
    inbound = objects.of("inbound-rtp")
    lost = rows.total([rows.growth((name, "packetsLost")) for name in inbound])
    received = rows.total([rows.growth((name, "packetsReceived")) for name in inbound])
    # Retransmissions of their own SSRC count as received, but were never expected.
    again = [
        rows.growth((name, "retransmittedPacketsReceived"))
        for name in inbound
        if len(rows.table.column((name, "rtxSsrc")))
    ]
    expected = lost + received - np.nan_to_num(rows.total(again))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(expected > 0, np.clip(100 * lost / expected, 0, 100), np.nan)
    reported = [
        100 * rows.value((name, "fractionLost")) for name in objects.of("remote-inbound-rtp")
    ]
    return rows.first_known([share, *reported])


def _streams_first(rows: Rows, objects: Objects, member: str) -> list[Array]:
    """Of the video before the audio, of what is received before what is sent."""
    return [
        rows.value((name, member))
        for kind in ("inbound-rtp", "remote-inbound-rtp")
        for media in ("video", "audio")
        for name in objects.of(kind, media)
    ]


def _jitter(rows: Rows, objects: Objects) -> Array:
    return rows.first_known(_streams_first(rows, objects, "jitter"))


def _round_trip(rows: Rows, objects: Objects) -> Array:
    selected = [
        np.where(mask, rows.value((pair, "currentRoundTripTime")), np.nan)
        for transport in objects.of("transport")
        for pair, mask in rows.while_text((transport, "selectedCandidatePairId"))
    ]
    return rows.first_known([*selected, *_streams_first(rows, objects, "roundTripTime")])


STANDARD: Final = (
    Standard("Bitrate in", units.BITRATE, _bitrate("bytesReceived")),
    Standard("Packets", units.PACKET_RATE, _packets),
    Standard("Frame rate", units.FPS, _frames),
    Standard("Resolution", units.PIXELS, _height),
    Standard("Bitrate out", units.BITRATE, _bitrate("bytesSent")),
    Standard("Loss", units.PERCENT, _loss),
    Standard("Jitter", units.SECONDS, _jitter),
    Standard("Round trip", units.SECONDS, _round_trip),
)
