"""What the console remembers between starts; never a secret."""

from dataclasses import dataclass, field

from peerdeck.core.endpoints import Endpoints


@dataclass(frozen=True, slots=True)
class Settings:
    """theme: "system", "dark" or "light". ports: local port by "thing/service".

    hold_connections: whether connections that come while a tunnel's link is down wait for it.

    geometry: window placement, base64 of what Qt saves. columns: header state by table.
    join_options: the last of each channel's as JSON, by its ARN, the newest at the end.
    recordings: paths of files that were opened, the last one first.
    """

    profile: str = ""
    region: str = ""
    theme: str = "system"
    endpoints: Endpoints = field(default_factory=Endpoints)
    ports: dict[str, int] = field(default_factory=dict)
    hold_connections: bool = True
    geometry: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    join_options: dict[str, str] = field(default_factory=dict)
    recordings: tuple[str, ...] = ()
