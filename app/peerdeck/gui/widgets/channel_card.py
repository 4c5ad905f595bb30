"""The chosen channel: what it is, and the one thing people do with it."""

import time
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout

from peerdeck.core.channel import Channel
from peerdeck.core.quantities import age_text
from peerdeck.gui.theme import GAP_M, GAP_S
from peerdeck.gui.widgets.buttons import Button, CopyButton
from peerdeck.gui.widgets.cards import Card
from peerdeck.gui.widgets.labels import ElidedLabel, StatusLabel

TONES: Final = {"ACTIVE": "ok", "CREATING": "info", "UPDATING": "info", "DELETING": "warn"}
KINDS: Final = {"SINGLE_MASTER": "one master, many viewers", "FULL_MESH": "full mesh"}


def status_word(status: str) -> str:
    return status.lower()


def status_tone(status: str) -> str:
    return TONES.get(status, "muted")


def moment_text(at: float) -> str:
    """Local time to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else "–"


class ChannelCard(Card):
    """join_requested(str): ARN of the channel to join as viewer."""

    join_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__(role="panel")
        self.setObjectName("channel")
        self.channel: Channel | None = None
        self.name = ElidedLabel("", "heading")
        self.name.setObjectName("channel.name")
        self.status = StatusLabel()
        self.status.setObjectName("channel.status")
        self.join = Button("Join as viewer", "primary", "play")
        self.join.setObjectName("channel.join")
        self.join.clicked.connect(self._join)
        self.facts = ElidedLabel("", "body", "muted", Qt.TextElideMode.ElideRight)
        self.facts.setObjectName("channel.facts")
        self.arn = ElidedLabel("", "mono", "muted")
        self.arn.setObjectName("channel.arn")
        self.copy = CopyButton(self.arn.text, "ARN")
        self.copy.setObjectName("channel.copy_arn")
        self.copy.be_compact()
        title = QHBoxLayout()
        title.setSpacing(GAP_M)
        title.addWidget(self.name, 1)
        title.addWidget(self.status)
        title.addWidget(self.join)
        address = QHBoxLayout()
        address.setSpacing(GAP_S)
        address.addWidget(self.arn, 1)
        address.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignRight)
        self.body.addLayout(title)
        self.body.addLayout(address)
        self.add(self.facts)

    def show_channel(self, channel: Channel, now: float) -> None:
        self.channel = channel
        self.name.setText(channel.name)
        self.arn.setText(channel.arn)
        self.status.show_state(status_word(channel.status), status_tone(channel.status))
        facts = [KINDS.get(channel.kind, channel.kind), f"message TTL {channel.ttl_s} s"]
        if channel.created_at:
            facts.append(f"created {age_text(now - channel.created_at)}")
        self.facts.setText("  ·  ".join(facts))
        self.facts.setToolTip(
            f"{channel.kind}\nA message waits {channel.ttl_s} s for an absent peer."
            f"\nCreated {moment_text(channel.created_at)}"
        )
        usable = channel.status == "ACTIVE"
        self.join.setEnabled(usable)
        self.join.setToolTip(
            "" if usable else f"The channel is {status_word(channel.status)}; it must be active."
        )

    def _join(self) -> None:
        if self.channel is not None:
            self.join_requested.emit(self.channel.arn)
