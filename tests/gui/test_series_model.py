"""Names of stats objects, and the tree that offers their members."""

from PySide6.QtCore import QModelIndex, Qt
from pytestqt.modeltest import ModelTester
from tests.gui.session_logs import chromium_log, made_log

from peerdeck.gui.models.definitions import definition_words, is_counter
from peerdeck.gui.models.series import STANDARD_OBJECT, SeriesModel
from peerdeck.gui.models.stats_objects import stats_objects

STANDARD = {"Loss": "Share of packets.", "Jitter": "Of arrival."}


def names(kind: str) -> list[str]:
    log = chromium_log()
    table = next(iter(log.peers.values())).table
    return [one.name for one in stats_objects(table) if one.type == kind]


def test_objects_of_a_browser_have_readable_names() -> None:
    assert names("outbound-rtp") == [
        "Outbound audio · opus · ssrc 3112657472",
        "Outbound video · VP8 · ssrc 3421610583",
    ]
    assert names("data-channel") == ["Data channel kvsDataChannel"]
    assert names("codec") == ["VP8 · payload type 96", "opus · payload type 111"]
    assert any(name.startswith("host [fd00::2]:") for name in names("candidate-pair"))


def test_no_two_objects_of_a_type_have_one_name() -> None:
    for log in (chromium_log(), made_log(3, pairs=(6, 6))):
        found = [one.name for one in stats_objects(next(iter(log.peers.values())).table)]
        assert len(found) == len(set(found))


def test_streams_come_first() -> None:
    kinds = [one.type for one in stats_objects(made_log(3).peers["master"].table)]
    assert kinds[:2] == ["inbound-rtp", "inbound-rtp"]
    assert kinds.index("candidate-pair") < kinds.index("codec")


def test_totals_are_told_from_gauges() -> None:
    counters = {("inbound-rtp", "bytesReceived"), ("inbound-rtp", "framesDecoded")}
    gauges = {("inbound-rtp", "jitter"), ("inbound-rtp", "framesPerSecond")}
    assert all(is_counter(*one) for one in counters)
    assert not any(is_counter(*one) for one in gauges)
    assert definition_words("inbound-rtp", "jitter").startswith("jitter")


def made() -> SeriesModel:
    model = SeriesModel(STANDARD)
    model.set_objects(stats_objects(made_log(3).peers["master"].table))
    return model


def test_model_keeps_its_promises(qtmodeltester: ModelTester) -> None:
    model = made()
    qtmodeltester.check(model, force_py=True)
    model.set_filter("vp8")
    model.set_filter("")
    model.set_objects([])
    model.choose([(STANDARD_OBJECT, "Loss")])


def test_every_word_of_the_filter_must_be_in_some_name() -> None:
    model = made()
    model.set_filter("inbound jitter video")
    assert model.members == [("IT1V", "jitter")]
    model.set_filter("loss")
    assert model.members == [(STANDARD_OBJECT, "Loss")]
    model.set_filter("nothing has this")
    assert model.members == []
    assert model.rowCount() == 0


def test_members_alone_are_checked_in_the_order_of_choice() -> None:
    model = made()
    group = model.index(1, 0)
    assert not model.setData(group, Qt.CheckState.Checked, Qt.ItemDataRole.CheckStateRole)
    heard: list[int] = []
    model.chosen_changed.connect(lambda: heard.append(len(model.chosen)))
    for member in (("T1", "bytesSent"), ("IT1V", "jitter"), (STANDARD_OBJECT, "Loss")):
        index = model.index_of(member)
        assert model.flags(index) & Qt.ItemFlag.ItemIsUserCheckable
        model.setData(index, Qt.CheckState.Checked, Qt.ItemDataRole.CheckStateRole)
    assert [member for _, member in model.chosen] == ["bytesSent", "jitter", "Loss"]
    off = model.index_of(("IT1V", "jitter"))
    model.setData(off, Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    assert heard == [1, 2, 3, 2]


def test_equal_objects_leave_the_tree_alone() -> None:
    model = made()
    assert not model.set_objects(stats_objects(made_log(3).peers["master"].table))
    assert model.parent(model.index_of(("IT1V", "jitter"))).isValid()
    assert not model.parent(QModelIndex()).isValid()
