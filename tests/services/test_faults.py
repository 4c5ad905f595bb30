"""Faults as the window switches them: by HTTP, in the demo alone, with an end."""

import asyncio
from collections.abc import Callable

import pytest

from peerdeck.core.errors import FieldError, UserError
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.services.faults import Fault, FaultsService, FaultsState
from peerdeck.services.status import Status
from peerdeck.wiring import Console, DemoFaults


async def until(
    faults: FaultsService, condition: Callable[[FaultsState], bool], bound_s: float = 5
) -> FaultsState:
    came = asyncio.Event()
    leave = faults.state.subscribe(lambda state: came.set() if condition(state) else None)
    try:
        if not condition(faults.state.value):
            async with asyncio.timeout(bound_s):
                await came.wait()
    finally:
        leave()
    return faults.state.value


def ready(state: FaultsState) -> bool:
    return state.status is Status.READY


def named(state: FaultsState, name: str) -> Fault:
    return next(fault for fault in state.faults if fault.name == name)


async def test_the_demo_tells_of_its_faults_by_itself(console: Console, cloud: LocalCloud) -> None:
    state = await until(console.faults, ready)
    assert [fault.name for fault in state.faults] == [
        each.fault.name for each in cloud.faults.listing()
    ]
    assert list(dict.fromkeys(fault.group for fault in state.faults)) == [
        "Account",
        "Signaling",
        "STUN and TURN",
        "Tunnels",
    ]
    assert all(fault.title and fault.description and fault.end for fault in state.faults)
    assert state.active == ()


async def test_on_works_at_once_and_off_mends(console: Console, cloud: LocalCloud) -> None:
    await until(console.faults, ready)
    await console.faults.switch_on("relay-path", {"loss_percent": 20})
    (fault,) = console.faults.state.value.active
    assert (fault.name, fault.values["loss_percent"], fault.values["delay_ms"]) == (
        "relay-path",
        20,
        0,
    )
    assert cloud.turn.faults.to_client is not None
    assert console.faults.state.value.ends_at == {}
    await console.faults.switch_off("relay-path")
    assert cloud.turn.faults.to_client is None
    assert console.faults.state.value.active == ()
    told = [entry.what for entry in console.journal.entries.value if entry.kind == "demo"]
    assert sorted(told) == ["Fault off: Bad path through TURN", "Fault on: Bad path through TURN"]


async def test_a_fault_that_ends_by_itself_is_seen_to_end(console: Console) -> None:
    await until(console.faults, ready)
    await console.faults.switch_on("turn-silent", duration_s=0.2)
    assert "turn-silent" in console.faults.state.value.ends_at
    state = await until(console.faults, lambda state: not state.active)
    assert state.ends_at == {}


async def test_a_momentary_fault_is_counted_and_never_on(console: Console) -> None:
    await until(console.faults, ready)
    await console.faults.switch_on("go-away", duration_s=30)
    fault = named(console.faults.state.value, "go-away")
    assert (fault.on, fault.momentary, fault.happened) == (False, True, 1)


async def test_all_end_with_one_command(console: Console, cloud: LocalCloud) -> None:
    await until(console.faults, ready)
    for name in ("throttle", "stun-silent"):
        await console.faults.switch_on(name)
    assert len(console.faults.state.value.active) == 2
    await console.faults.clear()
    assert console.faults.state.value.active == ()
    assert not any(state.on for state in cloud.faults.listing())


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("relay-path", {"loss_percent": 101}),
        ("relay-path", {"direction": "sideways"}),
    ],
)
async def test_values_are_checked_before_asking(
    console: Console, name: str, values: dict[str, float | str]
) -> None:
    await until(console.faults, ready)
    with pytest.raises(FieldError):
        await console.faults.switch_on(name, values)
    assert console.faults.state.value.active == ()


async def test_what_the_demo_refuses_is_told_in_its_words(console: Console) -> None:
    await until(console.faults, ready)
    with pytest.raises(UserError) as caught:
        await console.faults.switch_on("deny", {"operation": "two words"})
    assert "two words" in caught.value.detail


async def test_another_account_has_no_faults_and_leaves_none(
    console: Console, cloud: LocalCloud
) -> None:
    await until(console.faults, ready)
    await console.faults.switch_on("stun-silent")
    await console.account.select_profile("")
    assert console.faults.state.value == FaultsState()
    async with asyncio.timeout(5):
        while cloud.faults.state("stun-silent").on:
            await DemoFaults(cloud.admin_url).listing()
    with pytest.raises(UserError, match="not running"):
        await console.faults.clear()


async def test_a_demo_that_is_gone_says_what_to_do(console: Console, cloud: LocalCloud) -> None:
    await until(console.faults, ready)
    await cloud.aclose()
    with pytest.raises(UserError, match="does not answer"):
        await console.faults.clear()
    await console.faults.refresh()
    assert console.faults.state.value.status is Status.FAILED
