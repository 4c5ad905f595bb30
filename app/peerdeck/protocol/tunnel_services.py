"""Which configured port or target belongs to which service of a tunnel."""

from collections.abc import Mapping
from typing import TypeVar

_T = TypeVar("_T")


class ServiceMismatch(ValueError):
    """The services that were configured are not those of the tunnel; the text names both."""


def adopt_services(configured: Mapping[str, _T], available: tuple[str, ...]) -> dict[str, _T]:
    """What is configured for each of the tunnel's services; one without configuration is left out.

    "" stands for a bare port: it adopts the tunnel's only service. Raises ServiceMismatch for a
    name that the tunnel does not have (V3 protocol guide, "Establish tunnel connection and perform
    validations").
    """
    if set(configured) == {""} and len(available) == 1:
        return {available[0]: configured[""]}
    strangers = [name for name in configured if name not in available]
    if strangers:
        offered = ", ".join(name or "(unnamed)" for name in available)
        wanted = ", ".join(name or "(unnamed)" for name in strangers)
        raise ServiceMismatch(f"the tunnel has the services {offered}, not {wanted}")
    return {name: configured[name] for name in available if name in configured}
