"""What a proxy does with each service of its tunnel, once it knows them."""

from collections.abc import Mapping
from typing import TypeVar

from peerdeck.core.tunnel import Target
from peerdeck.engine.tunnel.errors import UnusableServices
from peerdeck.protocol.tunnel_services import ServiceMismatch, adopt_services

_T = TypeVar("_T")


def ports_for(
    services: tuple[str, ...], listen: Mapping[str, int], spare: Mapping[str, int]
) -> dict[str, int]:
    """A port for each service, 0 (any free one) where none is given. Raises UnusableServices."""
    given = _given(services, listen, spare)
    return {name: given.get(name, 0) for name in services}


def targets_for(
    services: tuple[str, ...], targets: Mapping[str, Target], spare: Mapping[str, Target]
) -> dict[str, Target]:
    """A target for each service. Raises UnusableServices where one has none."""
    given = _given(services, targets, spare)
    missing = [name for name in services if name not in given]
    if missing:
        raise UnusableServices(f"no target is given for {', '.join(missing)}")
    return given


def _given(
    services: tuple[str, ...], wanted: Mapping[str, _T], spare: Mapping[str, _T]
) -> dict[str, _T]:
    """spare: for services that `wanted` lacks; may name others, which are not this tunnel's."""
    try:
        given = adopt_services(wanted, services)
    except ServiceMismatch as error:
        raise UnusableServices(str(error)) from error
    return {name: spare[name] for name in services if name in spare} | given
