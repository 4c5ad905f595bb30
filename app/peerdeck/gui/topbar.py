"""The bar at the top: whose account, which region, real or demo."""

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import (
    QComboBox,
    QCompleter,
    QFrame,
    QHBoxLayout,
    QMenu,
    QSizePolicy,
    QToolButton,
)

from peerdeck.gui.theme import GAP_L, GAP_M, GAP_S, set_tone, theme
from peerdeck.gui.widgets.buttons import Button, IconButton
from peerdeck.gui.widgets.labels import ElidedLabel, label

if TYPE_CHECKING:
    from peerdeck.services.account import AccountState

_PROFILE_WIDTH: Final = 190
_REGION_WIDTH: Final = 250
_POPUP_WIDTH: Final = 320
_SKEWED_S: Final = 60
DEFAULT_CHAIN: Final = "Default credentials"
DEMO: Final = "Demo (local cloud)"
_DEMO_KEY: Final = "\0demo"  # no profile can be called this


def account_text(account: str) -> str:
    """ "123456789012" → "1234…9012": enough to recognise, not to read over a shoulder."""
    return f"{account[:4]}…{account[-4:]}" if len(account) > 9 else account


def offset_text(offset_s: float) -> str:
    small = abs(offset_s) < 99.95
    offset_s = round(offset_s, 1) + 0.0  # the sum turns -0.0 into 0.0
    text = f"{offset_s:+.1f} s" if small else f"{offset_s / 60:+.0f} min"
    return f"clock {text.replace('-', '−')}"


class TopBar(QFrame):
    """profile_requested(str), region_requested(str), demo_requested(), theme_requested(str),
    endpoints_requested(), shortcuts_requested(), faults_requested(), mend_requested(): what the
    user asked for; `show_account` and `show_faults` say what is."""

    profile_requested = Signal(str)
    region_requested = Signal(str)
    demo_requested = Signal()
    theme_requested = Signal(str)
    endpoints_requested = Signal()
    shortcuts_requested = Signal()
    faults_requested = Signal()
    mend_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "bar")
        self.profile = _picker("account.profile", "Profile", _PROFILE_WIDTH)
        self.profile.activated.connect(self._profile_chosen)
        self.region = _picker("account.region", "Region", _REGION_WIDTH)
        self._make_region_typable()
        self._account = ElidedLabel("", "figures", "muted")
        self._account.setObjectName("account.identity")
        self._account.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._clock = label("", "figures", "muted")
        self._clock.setObjectName("account.clock")
        self._make_chip()
        keys = IconButton("keyboard", "Keyboard shortcuts", "?")
        keys.setObjectName("window.shortcuts")
        keys.clicked.connect(self.shortcuts_requested)
        endpoints = IconButton("globe", "Endpoints")
        endpoints.setObjectName("window.endpoints")
        endpoints.clicked.connect(self.endpoints_requested)
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP_M, GAP_S, GAP_L, GAP_S)
        row.setSpacing(GAP_S)
        row.addWidget(self.profile)
        row.addWidget(self.region)
        row.addSpacing(GAP_S)
        row.addWidget(self._account)
        row.addWidget(self._clock)
        row.addStretch(1)
        row.addWidget(self.mend, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.demo, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(endpoints)
        row.addWidget(keys)
        row.addWidget(self._theme_button())

    def show_account(self, state: "AccountState") -> None:
        self._fill_profiles(state)
        self._fill_regions(state)
        self.demo.setVisible(state.demo)
        identity = state.identity
        account = identity.account if identity else ""
        self._account.setText(f"acct {account_text(account)}" if account else "")
        if identity is not None:
            self._account.setToolTip(f"{identity.account}\n{identity.arn}\n{identity.method}")
        offset = identity.clock_offset_s if identity else None
        self._clock.setText("" if offset is None else f"· {offset_text(offset)}")
        skewed = offset is not None and abs(offset) >= _SKEWED_S
        set_tone(self._clock, "tone", "warn" if skewed else "muted")
        self._clock.setToolTip("How far AWS's clock is ahead of this machine's.")

    def _make_chip(self) -> None:
        self.demo = QToolButton()
        self.demo.setObjectName("account.demo")
        self.demo.setProperty("kind", "chip")
        self.demo.setFont(theme().font("small"))
        self.demo.setCursor(Qt.CursorShape.PointingHandCursor)
        self.demo.setToolTip("Break something on purpose (Ctrl+D)")
        self.demo.clicked.connect(self.faults_requested)
        self.mend = Button("End all", "quiet")
        self.mend.setObjectName("demo.faults.end")
        self.mend.setToolTip("End every fault")
        self.mend.clicked.connect(self.mend_requested)
        self.demo.hide()
        self.show_faults(0)

    def show_faults(self, count: int) -> None:
        """How many of the demo's faults are on."""
        words = f"{count} fault{'' if count == 1 else 's'}" if count else "local cloud"
        self.demo.setText(f"DEMO · {words} ▾")
        set_tone(self.demo, "tone", "warn" if count else "info")
        self.mend.setVisible(count > 0)

    def focus_region(self) -> None:
        self.region.setFocus(Qt.FocusReason.ShortcutFocusReason)
        if (line := self.region.lineEdit()) is not None:
            line.selectAll()

    def _fill_profiles(self, state: "AccountState") -> None:
        wanted = [(DEFAULT_CHAIN, ""), *((name, name) for name in state.profiles)]
        wanted.append((DEMO, _DEMO_KEY))
        _fill(self.profile, wanted, _DEMO_KEY if state.demo else state.profile)

    def _fill_regions(self, state: "AccountState") -> None:
        regions = [(_region_text(r.name, r.description), r.name) for r in state.regions]
        if state.region is not None and state.region not in state.regions:
            regions.insert(0, (_region_text(state.region.name, ""), state.region.name))
        _fill(self.region, regions, state.region.name if state.region else "")

    def _profile_chosen(self, place: int) -> None:
        key = self.profile.itemData(place)
        if key == _DEMO_KEY:
            self.demo_requested.emit()
        else:
            self.profile_requested.emit(key)

    def _make_region_typable(self) -> None:
        self.region.setEditable(True)
        self.region.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        completer = self.region.completer()
        if completer is not None:
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        line = self.region.lineEdit()
        if line is not None:
            line.setPlaceholderText("Region")
            line.returnPressed.connect(self._region_typed)
        self.region.activated.connect(
            lambda place: self.region_requested.emit(self.region.itemData(place))
        )

    def _region_typed(self) -> None:
        text = self.region.currentText()
        # A choice from the list announces itself; a name that no list has is asked for here.
        if text and self.region.findText(text) < 0:
            self.region_requested.emit(text.split("·")[0].strip())

    def _theme_button(self) -> IconButton:
        button = IconButton("theme", "Appearance")
        button.setObjectName("window.theme")
        menu = QMenu(button)
        group = QActionGroup(menu)
        for choice, words in (("system", "As the system"), ("dark", "Dark"), ("light", "Light")):
            action = menu.addAction(words)
            action.setCheckable(True)
            action.setData(choice)
            group.addAction(action)
        group.triggered.connect(lambda action: self.theme_requested.emit(action.data()))

        def open_menu() -> None:
            for action in group.actions():
                action.setChecked(action.data() == theme().choice)
            corner = button.mapToGlobal(button.rect().bottomRight())
            menu.popup(QPoint(corner.x() - menu.sizeHint().width(), corner.y() + 1))

        button.clicked.connect(open_menu)
        return button


def _region_text(name: str, description: str) -> str:
    return f"{name} · {description}" if description and description != name else name


def _picker(object_name: str, what: str, width: int) -> QComboBox:
    combo = QComboBox()
    combo.setObjectName(object_name)
    combo.setAccessibleName(what)
    combo.setToolTip(what)
    combo.setFixedWidth(width)
    combo.setMaxVisibleItems(20)
    combo.view().setMinimumWidth(_POPUP_WIDTH)
    combo.view().setTextElideMode(Qt.TextElideMode.ElideRight)
    return combo


def _fill(combo: QComboBox, items: list[tuple[str, str]], chosen: str) -> None:
    """Replaces the items only where they differ, so that an open popup stays."""
    present = [(combo.itemText(i), combo.itemData(i)) for i in range(combo.count())]
    if present != items:
        combo.clear()
        for text, key in items:
            combo.addItem(text, key)
    place = next((i for i, (_, key) in enumerate(items) if key == chosen), -1)
    combo.setCurrentIndex(place)
    line = combo.lineEdit()
    if line is not None:
        line.setText(combo.itemText(place) if place >= 0 else chosen)
        line.setCursorPosition(0)
