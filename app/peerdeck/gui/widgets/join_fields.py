"""The fields of the join options: what each offers, and how they become JoinOptions."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from peerdeck.core.channel import Role
from peerdeck.core.join import (
    AUDIO_CODECS,
    VIDEO_CODECS,
    CandidateFilter,
    JoinOptions,
    PathPolicy,
    Source,
)
from peerdeck.gui.theme import GAP_S, GAP_XS, set_tone
from peerdeck.gui.widgets.buttons import IconButton
from peerdeck.gui.widgets.choices import Checks, Segments, choose_key, combo, combo_key

_POLICIES: Final = (
    (PathPolicy.ALL, "All paths"),
    (PathPolicy.RELAY, "Relay only (TURN)"),
    (PathPolicy.STUN, "STUN only (no relay)"),
    (PathPolicy.HOST, "Host only (no server)"),
)
_SOURCES: Final = {
    "video": (
        (Source.NONE, "Nothing"),
        (Source.GENERATED, "Generated picture"),
        (Source.FILE, "File, in a loop"),
        (Source.DEVICE, "Camera"),
    ),
    "audio": (
        (Source.NONE, "Nothing"),
        (Source.GENERATED, "Generated tone"),
        (Source.FILE, "File, in a loop"),
        (Source.DEVICE, "Microphone"),
    ),
}
_KINDS: Final = ("host", "srflx", "relay")
_PROTOCOLS: Final = ("udp", "tcp")
_FAMILIES: Final = ("IPv4", "IPv6")
_PERIODS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_BEST: Final = "Best of the fetched ones"
_SUFFIXES: Final = {
    "video": "Video (*.mp4 *.mkv *.webm *.mov *.avi *.ts *.h264 *.ivf);;All files (*)",
    "audio": "Sound (*.wav *.mp3 *.ogg *.opus *.flac *.m4a *.mp4 *.mkv);;All files (*)",
}


class SourceField(QWidget):
    """What is sent, and where it is from. changed(): either is another now."""

    changed = Signal()

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self.source = combo(f"Send {what}", _SOURCES[what])
        self.source.setObjectName(f"join.{what}")
        self.place = QLineEdit()
        self.place.setObjectName(f"join.{what}_source")
        self.place.setAccessibleName(f"Source of {what}")
        self.browse = IconButton("folder", "Choose a file")
        self.browse.clicked.connect(self._browse)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP_S)
        row.addWidget(self.source, 2)
        row.addWidget(self.place, 3)
        row.addWidget(self.browse)
        self.setFocusProxy(self.place)
        self.source.currentIndexChanged.connect(self._turn)
        self.place.textChanged.connect(self._tell)
        self._turn()

    @property
    def key(self) -> Source:
        return Source(combo_key(self.source))

    def text(self) -> str:
        """The path or the device; "" where neither is asked for."""
        return self.place.text().strip() if self.key in {Source.FILE, Source.DEVICE} else ""

    def show_source(self, source: Source, place: str = "") -> None:
        choose_key(self.source, source)
        self.place.setText(place)

    def _turn(self) -> None:
        file = self.key is Source.FILE
        self.place.setVisible(file or self.key is Source.DEVICE)
        self.place.setPlaceholderText("Path of the file" if file else "The first there is")
        self.browse.setVisible(file)
        self.changed.emit()

    def _tell(self) -> None:
        self.changed.emit()

    def _browse(self) -> None:
        dialog = QFileDialog(self, f"Send {self._what}", "", _SUFFIXES[self._what])
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.place.setText)
        dialog.open()


class FilterField(QWidget):
    """Which candidates may pass. changed(): others than before."""

    changed = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self._kinds = Checks(name, _KINDS)
        self._ways = Checks(name, (*_PROTOCOLS, *_FAMILIES))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GAP_XS, 0, GAP_XS)
        column.setSpacing(GAP_XS)
        for checks in (self._kinds, self._ways):
            column.addWidget(checks)
            checks.changed.connect(self.changed)
        self.setFocusProxy(self._kinds.box(_KINDS[0]))

    def box(self, name: str) -> QCheckBox:
        return (self._kinds if name in _KINDS else self._ways).box(name)

    def value(self) -> CandidateFilter:
        ways = self._ways.checked()
        return CandidateFilter(
            self._kinds.checked(), ways & frozenset(_PROTOCOLS), ways & frozenset(_FAMILIES)
        )

    def show_value(self, value: CandidateFilter) -> None:
        self._kinds.check(value.kinds)
        self._ways.check(value.protocols | value.families)


def _uri_field() -> QComboBox:
    box = combo("TURN URI", (("", _BEST),))
    box.setObjectName("join.ice_uri")
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


def _line(name: str, object_name: str, placeholder: str) -> QLineEdit:
    made = QLineEdit()
    made.setObjectName(object_name)
    made.setAccessibleName(name)
    made.setPlaceholderText(placeholder)
    return made


Section = tuple[str, Sequence[tuple[str, tuple[QWidget, ...]]]]


class JoinFields(QObject):
    """changed(): something was chosen. places: the widget of each field that a rule can name.
    sections: how they are laid out, lines of (name, widgets)."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.role = Segments("Role", ((Role.VIEWER, "Viewer"), (Role.MASTER, "Master")))
        self.role.setObjectName("join.role")
        self.client_id = _line("Client ID", "join.client_id", "A new random one")
        self.receive = Checks("Receive", ("video", "audio", "data channel"))
        self.receive.setObjectName("join.receive")
        self.video, self.audio = SourceField("video"), SourceField("audio")
        any_codec = ("", "No wish")
        self.video_codec = combo("Video codec", (any_codec, *((c, c) for c in VIDEO_CODECS)))
        self.video_codec.setObjectName("join.video_codec")
        self.audio_codec = combo("Audio codec", (any_codec, *((c, c) for c in AUDIO_CODECS)))
        self.audio_codec.setObjectName("join.audio_codec")
        self.policy = combo("Paths", _POLICIES)
        self.policy.setObjectName("join.policy")
        self.uri = _uri_field()
        self.trickle = QCheckBox("Send candidates as they are found")
        self.trickle.setObjectName("join.trickle")
        self.send, self.accept = FilterField("Send"), FilterField("Accept")
        self.endpoint = _line("Endpoint", "join.endpoint", "The region's own")
        self.network = Checks("Endpoint", ("dual-stack", "FIPS"))
        periods = tuple(
            (f"{s:g}", f"Every {s:g} s" if s != 1 else "Every second") for s in _PERIODS
        )
        self.period = combo("Statistics", periods)
        self.period.setObjectName("join.sample_s")
        self.places = self._places()
        self.sections = self._sections()
        self._explain()
        self._connect()
        self.show_options(JoinOptions())

    def _places(self) -> dict[str, QWidget]:
        return {
            "Client ID": self.client_id,
            "Media": self.receive,
            "Video file": self.video,
            "Audio file": self.audio,
            "Video codec": self.video_codec,
            "Audio codec": self.audio_codec,
            "TURN URI": self.uri,
            "Send filter": self.send,
            "Accept filter": self.accept,
            "Endpoint": self.endpoint,
            "Sampling interval": self.period,
        }

    def _sections(self) -> Sequence[Section]:
        return (
            ("Who", (("Role", (self.role,)), ("Client ID", (self.client_id,)))),
            (
                "Media",
                (
                    ("Receive", (self.receive,)),
                    ("Send video", (self.video,)),
                    ("Send audio", (self.audio,)),
                    ("Video codec", (self.video_codec,)),
                    ("Audio codec", (self.audio_codec,)),
                ),
            ),
            (
                "Connection",
                (
                    ("Paths", (self.policy,)),
                    ("TURN URI", (self.uri,)),
                    ("Trickle", (self.trickle,)),
                    ("Send only", (self.send,)),
                    ("Accept only", (self.accept,)),
                ),
            ),
            (
                "Service",
                (
                    ("Endpoint", (self.endpoint,)),
                    ("", (self.network,)),
                    ("Statistics", (self.period,)),
                ),
            ),
        )

    def _explain(self) -> None:
        for widget, words in (
            (self.client_id, "Viewers only. A second connection with the same one ends the first."),
            (self.receive, "What we ask the other side to send."),
            (self.video_codec, "Put first in our SDP; the other side may still decide otherwise."),
            (self.audio_codec, "Put first in our SDP; the other side may still decide otherwise."),
            (self.policy, "Which candidates are gathered and tried."),
            (self.uri, "Used instead of the best one. Fetch the ICE configuration to choose here."),
            (self.trickle, "Off: one SDP with all candidates, sent when all are found."),
            (self.send, "Only own candidates like these are told to the other side."),
            (self.accept, "Only candidates of the other side like these are tried."),
            (self.endpoint, "URL of the control plane, for instance a VPC endpoint."),
            (self.period, "How often the connection is measured."),
        ):
            widget.setToolTip(words)

    def _connect(self) -> None:
        for box in (self.video_codec, self.audio_codec, self.policy, self.period):
            box.currentIndexChanged.connect(self._tell)
        for edit in (self.client_id, self.endpoint):
            edit.textChanged.connect(self._tell)
        self.uri.editTextChanged.connect(self._tell)
        for switch in (self.trickle,):
            switch.toggled.connect(self._tell)
        for field in (self.receive, self.network, self.video, self.audio, self.send, self.accept):
            field.changed.connect(self._tell)
        self.role.chosen.connect(self._tell)

    def _tell(self) -> None:
        master = self.role.key == Role.MASTER
        self.client_id.setEnabled(not master)
        self.client_id.setPlaceholderText("A master has none" if master else "A new random one")
        self.changed.emit()

    # --- in and out ------------------------------------------------------------------------

    def options(self) -> JoinOptions:
        """As chosen; `JoinOptions.check` knows whether they are fine."""
        role, received, network = (
            Role(self.role.key),
            self.receive.checked(),
            self.network.checked(),
        )
        uri = self.uri.currentText().strip()
        return JoinOptions(
            role=role,
            client_id="" if role is Role.MASTER else self.client_id.text().strip(),
            receive_video="video" in received,
            receive_audio="audio" in received,
            data_channel="data channel" in received,
            video=self.video.key,
            audio=self.audio.key,
            video_source=self.video.text(),
            audio_source=self.audio.text(),
            policy=PathPolicy(combo_key(self.policy)),
            send=self.send.value(),
            accept=self.accept.value(),
            video_codec=combo_key(self.video_codec),
            audio_codec=combo_key(self.audio_codec),
            trickle=self.trickle.isChecked(),
            ice_uri="" if uri == _BEST else uri,
            endpoint=self.endpoint.text().strip(),
            dual_stack="dual-stack" in network,
            fips="FIPS" in network,
            sample_s=float(combo_key(self.period)),
        )

    def show_options(self, options: JoinOptions) -> None:
        self.role.choose(options.role)
        self.client_id.setText(options.client_id)
        received = (
            ("video", options.receive_video),
            ("audio", options.receive_audio),
            ("data channel", options.data_channel),
        )
        self.receive.check(name for name, wanted in received if wanted)
        self.video.show_source(options.video, options.video_source)
        self.audio.show_source(options.audio, options.audio_source)
        choose_key(self.video_codec, options.video_codec)
        choose_key(self.audio_codec, options.audio_codec)
        choose_key(self.policy, options.policy)
        self.uri.setEditText(options.ice_uri or _BEST)
        self.trickle.setChecked(options.trickle)
        self.send.show_value(options.send)
        self.accept.show_value(options.accept)
        self.endpoint.setText(options.endpoint)
        network = (("dual-stack", options.dual_stack), ("FIPS", options.fips))
        self.network.check(name for name, wanted in network if wanted)
        choose_key(self.period, f"{options.sample_s:g}")
        self._tell()

    def show_sources(self, video: Source, audio: Source) -> None:
        self.video.show_source(video)
        self.audio.show_source(audio)

    def show_uris(self, uris: Sequence[str]) -> None:
        typed = self.uri.currentText()
        self.uri.blockSignals(True)
        self.uri.clear()
        self.uri.addItems([_BEST, *uris])
        self.uri.setEditText(typed or _BEST)
        self.uri.blockSignals(False)

    def mark(self, field: str, broken: bool) -> None:
        widget = self.places[field]
        edit = widget.place if isinstance(widget, SourceField) else widget
        set_tone(edit, "problem", "true" if broken else "")
