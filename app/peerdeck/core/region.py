"""AWS regions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Region:
    """name "eu-west-1", description "Europe (Ireland)", partition "aws"."""

    name: str
    description: str
    partition: str = "aws"
    dns_suffix: str = "amazonaws.com"

    @property
    def stun_uri(self) -> str:
        """The region's STUN server, which GetIceServerConfig leaves out.

        Source: Kinesis Video Streams WebRTC developer guide, "Control plane / STUN"; GovCloud has
        the FIPS endpoint only, over TLS.
        """
        if self.partition == "aws-us-gov":
            return f"stuns:stun.kinesisvideo-fips.{self.name}.{self.dns_suffix}:443"
        return f"stun:stun.kinesisvideo.{self.name}.{self.dns_suffix}:443"

    @property
    def tunnel_data_url(self) -> str:
        """WebSocket endpoint of the tunnel data plane, without path."""
        return f"wss://data.tunneling.iot.{self.name}.{self.dns_suffix}:443"
