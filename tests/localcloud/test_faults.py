"""Faults as switches: what they are called, their values, and that each of them ends."""

import asyncio
from collections.abc import Awaitable

import aiohttp
import pytest

from peerdeck.core.errors import FieldError
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.faults import Fault, Faults, UnknownFaultError
from peerdeck.localcloud.faults.fault import Choice, Number

NAMES = {
    "throttle", "deny", "expired-credentials", "clock-skew",
    "signaling-drop", "signaling-stall", "go-away", "reconnect-ice", "master-offline",
    "stun-silent", "turn-silent", "no-relay", "turn-forbidden", "relay-path",
    "tunnel-drop", "tunnel-stall", "tunnel-token-used", "tunnel-v1-device",
    "tunnel-destination-refuses", "tunnel-bandwidth", "relay-restart",
}  # fmt: skip


class Log:
    """A fault that writes down what happens to it."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.stopped = asyncio.Event()

    def stop(self) -> Awaitable[None]:
        self.events.append("stop")
        self.stopped.set()
        return asyncio.sleep(0)

    def faults(self, duration_s: float | None = None) -> Faults:
        parameters = (
            Number("rate", "So many.", 5, 1, 10),
            Choice("way", "Which.", "up", ("up", "down")),
        )
        return Faults(
            [
                Fault(
                    "slow",
                    "Slow",
                    "It is slow.",
                    self.events.append,
                    self.stop,
                    parameters,
                    duration_s,
                ),
                Fault("bang", "Bang", "It bangs.", lambda _: self.events.append("bang")),
            ]
        )


async def test_every_fault_of_the_issue_has_a_name_words_and_an_end(
    local_cloud: LocalCloud,
) -> None:
    states = local_cloud.faults.listing()
    assert {state.fault.name for state in states} == NAMES
    for state in states:
        fault = state.fault
        assert not state.on
        assert fault.title
        assert fault.description.endswith(".")
        assert fault.end.endswith(".")
        assert all(parameter.words.endswith(".") for parameter in fault.parameters)


async def test_every_fault_can_be_switched_on_and_off_on_a_cloud(local_cloud: LocalCloud) -> None:
    faults = local_cloud.faults
    for name in NAMES:
        state = await faults.switch_on(name)
        assert state.on is not state.fault.momentary
        assert state.happened == 1
        assert not (await faults.switch_off(name)).on
    control, turn, relay = (
        local_cloud.door.faults,
        local_cloud.turn.faults,
        local_cloud.relay.faults,
    )
    for record in (control, turn, relay):
        assert record == type(record)()


async def test_values_are_checked_and_filled_in() -> None:
    log = Log()
    faults = log.faults()
    state = await faults.switch_on("slow", {"rate": 7})
    assert state.values == {"rate": 7, "way": "up"}
    assert log.events == [{"rate": 7, "way": "up"}]
    assert state.left_s is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rate": 11}, "rate “11”: must be 1 to 10."),
        ({"rate": "7"}, "rate “7”: must be a number."),
        ({"rate": True}, "rate “True”: must be a number."),
        ({"way": "left"}, "way “left”: must be one of up, down."),
        ({"way": 1}, "way “1”: must be a text."),
        ({"speed": 1}, "speed “1”: is no parameter of slow; it has rate, way."),
    ],
)
async def test_wrong_values_switch_nothing(values: dict[str, object], words: str) -> None:
    log = Log()
    faults = log.faults()
    with pytest.raises(FieldError) as caught:
        await faults.switch_on("slow", values)
    assert str(caught.value) == words
    assert log.events == []
    assert not faults.state("slow").on


@pytest.mark.parametrize("duration_s", [0, -1, 86_401, float("nan")])
async def test_a_duration_is_more_than_nothing_and_at_most_a_day(duration_s: float) -> None:
    with pytest.raises(FieldError, match="duration_s"):
        await Log().faults().switch_on("slow", duration_s=duration_s)


async def test_a_fault_ends_in_time() -> None:
    log = Log()
    faults = log.faults()
    state = await faults.switch_on("slow", duration_s=0.05)
    assert state.left_s is not None
    assert 0 < state.left_s <= 0.05
    async with asyncio.timeout(5):
        await log.stopped.wait()
        assert faults.state("slow").on  # until what it did is undone
        await faults.switch_off("slow")
    assert not faults.state("slow").on
    assert faults.state("slow").happened == 1
    assert log.events[1:] == ["stop"]


async def test_a_fault_may_bring_its_own_duration() -> None:
    faults = Log().faults(duration_s=60)
    left_s = (await faults.switch_on("slow")).left_s
    assert left_s is not None
    assert 59 < left_s <= 60
    await faults.aclose()


async def test_on_again_takes_new_values_and_forgets_the_old_end() -> None:
    log = Log()
    faults = log.faults()
    await faults.switch_on("slow", duration_s=60)
    state = await faults.switch_on("slow", {"rate": 2})
    assert (state.values["rate"], state.left_s) == (2, None)
    assert log.events[1:] == ["stop", {"rate": 2, "way": "up"}]


async def test_off_is_idempotent_and_a_momentary_fault_is_never_on() -> None:
    log = Log()
    faults = log.faults()
    assert not (await faults.switch_on("bang")).on
    await faults.switch_off("bang")
    await faults.switch_off("slow")
    assert log.events == ["bang"]
    assert faults.state("bang").happened == 1


async def test_clear_ends_everything_and_closing_forgets_timers() -> None:
    log = Log()
    faults = log.faults()
    await faults.switch_on("slow")
    await faults.clear()
    assert log.events[-1] == "stop"
    await faults.switch_on("slow", duration_s=0.01)
    await faults.aclose()
    await faults.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    faults = Log().faults()
    for call in (faults.switch_on, faults.switch_off):
        with pytest.raises(UnknownFaultError, match="“gremlin”; there are slow, bang"):
            await call("gremlin")


class TestAdmin:
    """By HTTP, as the demo window and scripts use it."""

    @pytest.fixture
    def url(self, local_cloud: LocalCloud) -> str:
        return f"{local_cloud.admin_url}/faults"

    @pytest.fixture
    async def web(self):
        async with aiohttp.ClientSession() as session:
            yield session

    async def test_the_list_tells_all_that_a_menu_needs(self, url, web) -> None:
        async with web.get(url) as response:
            faults = {fault["name"]: fault for fault in (await response.json())["faults"]}
        assert faults.keys() == NAMES
        path = faults["relay-path"]
        assert (path["on"], path["momentary"], path["left_s"]) == (False, False, None)
        assert path["parameters"][0]["choices"] == ["upstream", "downstream"]
        assert path["parameters"][1] == {
            "name": "loss_percent", "words": "Share of packets lost.",
            "default": 10, "least": 0, "most": 100,
        }  # fmt: skip

    async def test_on_with_values_and_duration_then_off(self, url, web, local_cloud) -> None:
        body = {"duration_s": 60, "values": {"kilobytes_per_s": 50}}
        async with web.put(f"{url}/tunnel-bandwidth", json=body) as response:
            state = await response.json()
        assert (response.status, state["on"], state["values"]) == (200, True, body["values"])
        assert 59 < state["left_s"] <= 60
        assert local_cloud.relay.faults.bytes_per_s == 50_000
        async with web.delete(f"{url}/tunnel-bandwidth") as response:
            assert (await response.json())["on"] is False
        assert local_cloud.relay.faults.bytes_per_s is None

    async def test_all_off(self, url, web) -> None:
        for name in ("throttle", "stun-silent"):
            async with web.put(f"{url}/{name}"):
                pass
        async with web.delete(url) as response:
            assert not any(fault["on"] for fault in (await response.json())["faults"])

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ("{", "must be JSON"),
            ("[]", "body"),
            ('{"for": 3}', "body"),
            ('{"values": 3}', "values"),
            ('{"duration_s": "3"}', "duration_s"),
            ('{"duration_s": true}', "duration_s"),
            ('{"values": {"operation": "a b"}}', "operation “a b”"),
            ("[" * 100_000, "must be JSON"),
        ],
    )
    async def test_a_wrong_body_is_named(self, url, web, body, words) -> None:
        async with web.put(f"{url}/throttle", data=body) as response:
            assert response.status == 400
            assert words in (await response.json())["error"]
        async with web.get(f"{url}/throttle") as response:
            assert not (await response.json())["on"]

    async def test_an_unknown_fault_is_a_404(self, url, web) -> None:
        for call in (web.get, web.put, web.delete):
            async with call(f"{url}/gremlin") as response:
                assert response.status == 404
                assert "gremlin" in (await response.json())["error"]

    async def test_without_the_random_path_there_is_nothing(self, url, web, local_cloud) -> None:
        base = local_cloud.endpoints.kinesis_video
        for path in ("/_local/faults", "/_local/x/faults", "/faults"):
            async with web.get(base + path) as response:
                assert response.status in {403, 404}
        assert len(local_cloud.admin.path) >= len("/_local/") + 22
