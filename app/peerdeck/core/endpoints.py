"""Endpoint URLs that replace AWS's own: a local cloud, a VPC endpoint, a stranger's server."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import urlsplit

from peerdeck.core.errors import FieldError

# AWS's own names where it has some (AWS_ENDPOINT_URL_<SERVICE ID>), its pattern where it has none.
ENVIRONMENT = {
    "kinesis_video": "AWS_ENDPOINT_URL_KINESIS_VIDEO",
    "kinesis_video_signaling": "AWS_ENDPOINT_URL_KINESIS_VIDEO_SIGNALING",
    "iot_secure_tunneling": "AWS_ENDPOINT_URL_IOTSECURETUNNELING",
    "sts": "AWS_ENDPOINT_URL_STS",
    "tunnel_data": "AWS_ENDPOINT_URL_IOTSECURETUNNELING_DATA",
    "stun": "AWS_ENDPOINT_URL_KINESIS_VIDEO_STUN",
}
_SCHEMES = {"tunnel_data": ("ws", "wss"), "stun": ("stun", "stuns")}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Every field is a URL, or "" for AWS's own endpoint of the region.

    tunnel_data is `ws://` or `wss://` without path, stun is a `stun:`/`stuns:` URI, the rest HTTP.
    """

    kinesis_video: str = ""
    kinesis_video_signaling: str = ""
    iot_secure_tunneling: str = ""
    sts: str = ""
    tunnel_data: str = ""
    stun: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Endpoints":
        """Reads ENVIRONMENT; the general AWS_ENDPOINT_URL stands in for every HTTP endpoint.

        As AWS's SDKs do, empty variables count as absent ones, and
        AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true switches all of it off.
        """
        if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
            return cls()
        general = environment.get("AWS_ENDPOINT_URL", "")
        values = {
            name: environment.get(variable) or ("" if name in _SCHEMES else general)
            for name, variable in ENVIRONMENT.items()
        }
        return cls(**{name: check_endpoint(name, url) for name, url in values.items()})

    def over(self, other: "Endpoints") -> "Endpoints":
        """These, and `other`'s where these are empty."""
        return Endpoints(
            **{f.name: getattr(self, f.name) or getattr(other, f.name) for f in fields(self)}
        )

    def environment(self) -> dict[str, str]:
        """The variables that make any AWS client use these endpoints."""
        return {
            variable: getattr(self, name)
            for name, variable in ENVIRONMENT.items()
            if getattr(self, name)
        }


@dataclass(frozen=True, slots=True)
class EndpointChoice:
    """How one client reaches its service's control plane, where it is not as usual.

    url: instead of any other; then the two others only choose the STUN server. dual_stack: names
    that have IPv6 addresses, too. fips: validated cryptography; GovCloud has nothing else.
    """

    url: str = ""
    dual_stack: bool = False
    fips: bool = False

    @property
    def words(self) -> str:
        """ "dual-stack FIPS", or "" for the usual ones."""
        return " ".join(("dual-stack",) * self.dual_stack + ("FIPS",) * self.fips)


USUAL_ENDPOINTS = EndpointChoice()


def check_endpoint(name: str, url: str) -> str:
    """Returns `url`, or raises FieldError; "" is fine."""
    if not url:
        return url
    schemes = _SCHEMES.get(name, ("http", "https"))
    try:
        parts = urlsplit(url)
        port_is_fine = name == "stun" or parts.port is None or 0 < parts.port < 65536
    except ValueError as error:
        raise FieldError(f"{name} endpoint", url, f"is not a URL: {error}.") from error
    where = parts.path if name == "stun" else parts.hostname
    if parts.scheme not in schemes or not where or not port_is_fine:
        example = "stun:host:3478" if name == "stun" else f"{schemes[-1]}://host:443"
        raise FieldError(f"{name} endpoint", url, f"must look like {example}.")
    return url
