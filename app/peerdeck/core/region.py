"""AWS regions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Region:
    """name "eu-west-1", description "Europe (Ireland)", partition "aws".

    dual_stack_suffix: "" where the partition has no dual-stack names.
    """

    name: str
    description: str
    partition: str = "aws"
    dns_suffix: str = "amazonaws.com"
    dual_stack_suffix: str = "api.aws"

    @property
    def fips_only(self) -> bool:
        return self.partition == "aws-us-gov"

    def stun_uri(self, *, dual_stack: bool = False, fips: bool = False) -> str:
        """The region's STUN server, which GetIceServerConfig leaves out.

        Source: Kinesis Video Streams WebRTC developer guide, "Control plane / STUN"; GovCloud has
        the FIPS endpoint only, over TLS. Of FIPS elsewhere the guide says nothing: the same form.
        """
        suffix = self.dual_stack_suffix if dual_stack else self.dns_suffix
        if fips or self.fips_only:
            return f"stuns:stun.kinesisvideo-fips.{self.name}.{suffix}:443"
        return f"stun:stun.kinesisvideo.{self.name}.{suffix}:443"

    @property
    def tunnel_data_url(self) -> str:
        """WebSocket endpoint of the tunnel data plane, without path."""
        return f"wss://data.tunneling.iot.{self.name}.{self.dns_suffix}:443"
