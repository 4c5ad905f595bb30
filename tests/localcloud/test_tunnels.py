"""The tunnel registry's rules, without sockets."""

import pytest

from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import Mode
from peerdeck.localcloud import tunnels
from peerdeck.localcloud.tunnels import (
    CLOSED_KEPT_S,
    Admission,
    Refused,
    TunnelLimitReachedError,
    TunnelMissingError,
    TunnelRegistry,
)

REGION = "eu-west-1"
CLIENT_TOKEN = "c" * 32
OTHER_CLIENT_TOKEN = "d" * 32


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(clock: Clock) -> TunnelRegistry:
    return TunnelRegistry("111122223333", clock=clock)


@pytest.fixture
def revoked(registry: TunnelRegistry) -> list[tuple[str, Mode | None]]:
    calls: list[tuple[str, Mode | None]] = []
    registry.on_revoked.append(lambda tunnel_id, mode: calls.append((tunnel_id, mode)))
    return calls


def admit(
    registry: TunnelRegistry, token: Secret, client: str | None = None, mode: Mode = Mode.SOURCE
) -> Admission:
    return registry.admit(mode, token.reveal(), client)


def refusal(
    registry: TunnelRegistry, token: Secret, client: str | None = None, mode: Mode = Mode.SOURCE
) -> str:
    with pytest.raises(Refused) as caught:
        admit(registry, token, client, mode)
    assert 400 <= caught.value.status < 500  # final for a local proxy, unlike 5xx
    assert token.reveal() not in str(caught.value)
    return caught.value.reason


def test_an_admission_says_what_the_relay_needs(registry: TunnelRegistry, clock: Clock) -> None:
    record, source, _ = registry.open(REGION, thing="p", services=("SSH", "HTTP"), lifetime_min=5)
    admission = admit(registry, source)
    assert admission.tunnel_id == record.id
    assert admission.services == ("SSH", "HTTP")
    assert admission.mode is Mode.SOURCE
    assert admission.ends_at == clock.now + 300
    assert registry.is_valid(admission)


def test_a_token_without_client_token_works_once(registry: TunnelRegistry) -> None:
    _, source, _ = registry.open(REGION)
    admit(registry, source)
    assert refusal(registry, source) == (
        "Invalid access token: The access token was previously used and cannot be used again."
    )
    assert "previously used" in refusal(registry, source, CLIENT_TOKEN)


def test_a_token_with_its_client_token_works_again(registry: TunnelRegistry) -> None:
    _, source, _ = registry.open(REGION)
    first = admit(registry, source, CLIENT_TOKEN)
    second = admit(registry, source, CLIENT_TOKEN)
    assert first.serial != second.serial
    assert first.generation == second.generation
    assert "client token does not match" in refusal(registry, source, OTHER_CLIENT_TOKEN)
    assert "previously used" in refusal(registry, source)


def test_a_client_token_belongs_to_one_side_of_one_open_tunnel(registry: TunnelRegistry) -> None:
    record, source, destination = registry.open(REGION)
    _, other_source, _ = registry.open(REGION)
    admit(registry, source, CLIENT_TOKEN)
    assert "in use" in refusal(registry, destination, CLIENT_TOKEN, Mode.DESTINATION)
    assert "in use" in refusal(registry, other_source, CLIENT_TOKEN)
    registry.close(REGION, record.id)
    admit(registry, other_source, CLIENT_TOKEN)


@pytest.mark.parametrize("client", ["", "short", "x" * 129, "ä" * 32, "a b" * 12])
def test_a_client_token_has_a_form(registry: TunnelRegistry, client: str) -> None:
    _, source, _ = registry.open(REGION)
    assert "Invalid client token" in refusal(registry, source, client)
    admit(registry, source)  # the refusal did not spend it


@pytest.mark.parametrize("token", ["", "x", "\udcff"])
def test_an_unknown_token_is_not_valid(registry: TunnelRegistry, token: str) -> None:
    with pytest.raises(Refused, match="not valid"):
        registry.admit(Mode.SOURCE, token, None)


def test_a_token_is_for_its_mode_and_is_not_spent_on_the_other(registry: TunnelRegistry) -> None:
    _, source, destination = registry.open(REGION)
    assert "not for destination mode" in refusal(registry, source, mode=Mode.DESTINATION)
    assert "not for source mode" in refusal(registry, destination)
    admit(registry, source)
    admit(registry, destination, mode=Mode.DESTINATION)


def test_rotating_kills_the_old_token_and_its_admission_only(
    registry: TunnelRegistry, revoked: list[tuple[str, Mode | None]]
) -> None:
    record, source, destination = registry.open(REGION)
    admissions = [admit(registry, source), admit(registry, destination, mode=Mode.DESTINATION)]
    _, fresh = registry.rotate(REGION, record.id, [Mode.SOURCE])
    assert revoked == [(record.id, Mode.SOURCE)]
    assert [registry.is_valid(a) for a in admissions] == [False, True]
    assert "not valid" in refusal(registry, source)
    renewed = admit(registry, fresh[Mode.SOURCE], CLIENT_TOKEN)
    assert renewed.generation == admissions[0].generation + 1
    assert renewed.ends_at == admissions[0].ends_at  # rotation does not extend the lifetime


def test_a_client_token_may_be_used_again_after_rotation(registry: TunnelRegistry) -> None:
    record, source, _ = registry.open(REGION)
    admit(registry, source, CLIENT_TOKEN)
    _, fresh = registry.rotate(REGION, record.id, [Mode.SOURCE])
    admit(registry, fresh[Mode.SOURCE], CLIENT_TOKEN)


def test_closing_ends_both_sides_once(
    registry: TunnelRegistry, revoked: list[tuple[str, Mode | None]]
) -> None:
    record, source, _ = registry.open(REGION)
    admission = admit(registry, source, CLIENT_TOKEN)
    registry.connected(admission)
    registry.close(REGION, record.id)
    registry.close(REGION, record.id)
    assert revoked == [(record.id, None)]
    assert record.sides[Mode.SOURCE].connected is None
    assert refusal(registry, source, CLIENT_TOKEN) == "Invalid tunnel: Tunnel is closed."
    assert not registry.is_valid(admission)


def test_a_tunnel_ends_at_its_time_and_is_forgotten_later(
    registry: TunnelRegistry, clock: Clock, revoked: list[tuple[str, Mode | None]]
) -> None:
    record, source, _ = registry.open(REGION, lifetime_min=1)
    assert registry.next_end() == clock.now + 60
    clock.now += 60
    registry.expire()
    assert revoked == [(record.id, None)]
    assert record.closed_at == record.ends_at
    assert registry.next_end() is None
    assert refusal(registry, source) == "Invalid tunnel: Tunnel is closed."
    clock.now = record.ends_at + CLOSED_KEPT_S
    assert registry.tunnels(REGION) == []
    assert "not valid" in refusal(registry, source)


def test_a_newer_connection_is_not_hidden_by_the_older_ones_end(
    registry: TunnelRegistry, clock: Clock
) -> None:
    record, source, _ = registry.open(REGION)
    first = admit(registry, source, CLIENT_TOKEN)
    registry.connected(first)
    second = admit(registry, source, CLIENT_TOKEN)
    registry.connected(second)
    clock.now += 5
    registry.disconnected(first)
    side = record.sides[Mode.SOURCE]
    assert (side.connected, side.changed_at) == (second.serial, clock.now - 5)
    registry.disconnected(second)
    registry.disconnected(second)
    assert (side.connected, side.changed_at) == (None, clock.now)


def test_an_admission_from_before_a_rotation_cannot_connect(registry: TunnelRegistry) -> None:
    record, source, _ = registry.open(REGION)
    stale = admit(registry, source)
    registry.rotate(REGION, record.id, [Mode.SOURCE])
    registry.connected(stale)
    assert record.sides[Mode.SOURCE].connected is None


def test_rotating_disconnects_the_side(registry: TunnelRegistry, clock: Clock) -> None:
    record, source, _ = registry.open(REGION)
    registry.connected(admit(registry, source))
    clock.now += 7
    registry.rotate(REGION, record.id, [Mode.SOURCE])
    side = record.sides[Mode.SOURCE]
    assert (side.connected, side.changed_at) == (None, clock.now)


def test_three_services_are_the_most(registry: TunnelRegistry) -> None:
    four = ("a", "b", "c", "d")
    with pytest.raises(TunnelLimitReachedError):
        registry.open(REGION, services=four)
    record, source, _ = registry.open(REGION, services=four[:3])
    with pytest.raises(TunnelLimitReachedError):
        registry.rotate(REGION, record.id, list(Mode), services=four)
    admit(registry, source)  # the refused rotation changed nothing


def test_open_and_closed_tunnels_are_bounded(
    registry: TunnelRegistry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnels, "MAX_OPEN", 2)
    monkeypatch.setattr(tunnels, "MAX_CLOSED", 2)
    for _ in range(4):
        clock.now += 1
        record, _, _ = registry.open(REGION)
        registry.close(REGION, record.id)
    assert len(registry.tunnels(REGION)) == 2
    assert registry.tunnels(REGION)[0] is record
    registry.open(REGION)
    registry.open(REGION)
    with pytest.raises(TunnelLimitReachedError):
        registry.open(REGION)
    registry.open("us-east-1")


def test_a_tunnel_belongs_to_its_region(registry: TunnelRegistry) -> None:
    record, _, _ = registry.open(REGION)
    with pytest.raises(TunnelMissingError):
        registry.get("us-east-1", record.id)
    with pytest.raises(TunnelMissingError):
        registry.by_arn(REGION, record.arn.replace("111122223333", "444455556666"))
    assert registry.by_arn(REGION, record.arn) is record


def test_no_token_is_kept_or_shown(registry: TunnelRegistry) -> None:
    record, source, destination = registry.open(REGION)
    shown = repr(record) + repr(vars(registry)) + repr((source, destination))
    assert source.reveal() not in shown
    assert destination.reveal() not in shown
