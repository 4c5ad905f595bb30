"""The chosen channel: what it is, and the one thing people do with it."""

import time
from typing import Final

from PySide6.QtCore import Qt, Signal, SignalInstance
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
    """join_requested(str), master_requested(str), options_requested(str): ARN of the channel to
    join with one click, to be master of, to choose options for."""

    join_requested = Signal(str)
    master_requested = Signal(str)
    options_requested = Signal(str)

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
        self.master = Button("Join as master", icon="upload")
        self.master.setObjectName("channel.master")
        self.options = Button("Options…", "quiet", "options")
        self.options.setObjectName("channel.options")
        self.deeds: Final = (
            (self.join, self.join_requested),
            (self.master, self.master_requested),
            (self.options, self.options_requested),
        )
        for button, wanted in self.deeds:
            button.clicked.connect(lambda _=False, wanted=wanted: self._ask(wanted))
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
        row = QHBoxLayout()
        row.setSpacing(GAP_S)
        for button, _ in self.deeds:
            row.addWidget(button)
        row.addStretch(1)
        address = QHBoxLayout()
        address.setSpacing(GAP_S)
        address.addWidget(self.arn, 1)
        address.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignRight)
        self.body.addLayout(title)
        self.body.addLayout(address)
        self.add(self.facts)
        self.body.addLayout(row)

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
        why = f"The channel is {status_word(channel.status)}; it must be active."
        for button, tip in (
            (self.join, "Return"),
            (self.master, "A master that is there now is thrown out"),
            (self.options, "Role, media, paths, filters …"),
        ):
            button.setEnabled(usable)
            button.setToolTip(tip if usable else why)

    def offer(self, wanted: bool) -> None:
        """Whether its join actions are to be seen; the options have one of their own."""
        for button, _ in self.deeds:
            button.setVisible(wanted)

    def _ask(self, wanted: SignalInstance) -> None:
        if self.channel is not None:
            wanted.emit(self.channel.arn)
