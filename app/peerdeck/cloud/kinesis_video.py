"""Kinesis Video Streams: signaling channels, their endpoints, ICE servers and signed URLs."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from peerdeck.cloud.calls import Account, pages
from peerdeck.cloud.errors import CloudError, Kind
from peerdeck.cloud.regions import REGION_NAME, has_fips
from peerdeck.cloud.shapes import channel, channel_endpoints, field, ice_servers, rows, strange
from peerdeck.cloud.signing import sign_websocket
from peerdeck.core.channel import CHANNEL_ARN, CLIENT_ID, Channel, ChannelEndpoints, Role
from peerdeck.core.endpoints import USUAL_ENDPOINTS, EndpointChoice
from peerdeck.core.errors import FieldError
from peerdeck.core.ice import IceRequest, IceServer, IceUri

PAGE = 1000  # of at most 10,000: the first rows come soon
MAX_ENDPOINTS = 512


class KinesisVideo:
    """One region's client; obtained from AwsAccount. Every coroutine raises CloudError."""

    def __init__(
        self, account: Account, region: str, choice: EndpointChoice = USUAL_ENDPOINTS
    ) -> None:
        self._account = account
        self._choice = choice
        self.region = REGION_NAME.check(region)
        self._endpoints: OrderedDict[tuple[str, Role], ChannelEndpoints] = OrderedDict()

    async def list_channels(self, prefix: str = "") -> AsyncIterator[tuple[Channel, ...]]:
        """ListSignalingChannels, page by page of up to 1000. prefix: beginning of the names."""
        operation = "ListSignalingChannels"
        parameters: dict[str, object] = {"MaxResults": PAGE}
        if prefix:
            parameters["ChannelNameCondition"] = {
                "ComparisonOperator": "BEGINS_WITH",
                "ComparisonValue": prefix,
            }
        async for answer in pages(
            self._account,
            "kinesisvideo",
            self.region,
            operation,
            parameters,
            cursor="NextToken",
            choice=self._choice,
        ):
            yield tuple(
                channel(operation, row) for row in rows(operation, answer, "ChannelInfoList")
            )

    async def describe_channel(self, arn: str) -> Channel:
        operation = "DescribeSignalingChannel"
        answer = await self._call(operation, {"ChannelARN": CHANNEL_ARN.check(arn)})
        return channel(operation, field(operation, answer, "ChannelInfo", dict))

    async def endpoints(self, arn: str, role: Role) -> ChannelEndpoints:
        """GetSignalingChannelEndpoint, asked anew; the other calls remember what it answered.

        WEBRTC is not asked for: where ingestion is not configured, that is an error.
        """
        found = await self._ask_endpoints(arn, role, ("WSS", "HTTPS"))
        self._endpoints[arn, role] = found
        self._endpoints.move_to_end((arn, role))
        if len(self._endpoints) > MAX_ENDPOINTS:
            self._endpoints.popitem(last=False)
        return found

    async def ice_servers(
        self, request: IceRequest, *, role: Role = Role.VIEWER
    ) -> tuple[IceServer, ...]:
        """GetIceServerConfig on the channel's own HTTPS endpoint: the regional one refuses it.

        Raises FieldError before asking. The STUN server is not among them, see `stun_server()`.
        """
        operation = "GetIceServerConfig"
        request.check()
        named = {
            "ChannelARN": request.channel_arn,
            "ClientId": request.client_id,
            "Service": request.service,
            "Username": request.username,
        }
        endpoint = self._signaling_override()
        if not endpoint:
            endpoint = (await self._known_endpoints(request.channel_arn, role)).https
        answer = await self._account.call(
            "kinesis-video-signaling",
            self.region,
            operation,
            {name: value for name, value in named.items() if value},
            endpoint=endpoint,
        )
        return ice_servers(operation, answer, self._account.clock())

    async def stores_media(self, arn: str) -> bool:
        """DescribeMediaStorageConfiguration: is the channel for ingestion (and viewers refused)?"""
        operation = "DescribeMediaStorageConfiguration"
        answer = await self._call(operation, {"ChannelARN": CHANNEL_ARN.check(arn)})
        configuration = field(operation, answer, "MediaStorageConfiguration", dict)
        return configuration.get("Status") == "ENABLED"

    async def join_storage_session(self, arn: str) -> None:
        """JoinStorageSession: the storage peer will offer to the channel's master.

        On the channel's WEBRTC endpoint, which only a channel that stores its media has.
        """
        operation = "JoinStorageSession"
        found = await self._ask_endpoints(arn, Role.MASTER, ("WSS", "HTTPS", "WEBRTC"))
        if not found.webrtc:
            raise strange(operation, "The channel's answer lacks its WEBRTC endpoint.")
        await self._account.call(
            "kinesis-video-webrtc-storage",
            self.region,
            operation,
            {"channelArn": arn},
            endpoint=found.webrtc,
            attempts=1,
        )

    def stun_server(self) -> IceServer:
        """The region's STUN server, without credentials. May block once, see AwsAccount.region."""
        uri = self._account.endpoints.stun
        if not uri:
            region, choice = self._account.region(self.region), self._choice
            uri = region.stun_uri(dual_stack=choice.dual_stack, fips=choice.fips)
        return IceServer((IceUri.parse(uri),))

    async def signaling_url(self, arn: str, role: Role, client_id: str = "") -> str:
        """A signed WebSocket URL, good for 299 s and full of secrets; sign anew for every connect.

        client_id: a viewer's, required and not beginning with AWS_; a master has none.
        """
        if (role is Role.VIEWER) != bool(client_id):
            raise FieldError(CLIENT_ID.field, client_id, "is for viewers, and every viewer's own.")
        parameters = {"X-Amz-ChannelARN": CHANNEL_ARN.check(arn)}
        if client_id:
            parameters["X-Amz-ClientId"] = CLIENT_ID.check(client_id)
        endpoints = await self._known_endpoints(arn, role)
        credentials = await self._account.frozen_credentials()
        now = self._account.clock() + (self._account.clock_offset_s or 0.0)
        return sign_websocket(
            endpoints.wss,
            parameters,
            credentials=credentials,
            region=self.region,
            now=datetime.fromtimestamp(now, UTC),
        )

    async def _ask_endpoints(
        self, arn: str, role: Role, protocols: Sequence[str]
    ) -> ChannelEndpoints:
        operation = "GetSignalingChannelEndpoint"
        wanted = {"Protocols": list(protocols), "Role": role.value}
        answer = await self._call(
            operation,
            {
                "ChannelARN": CHANNEL_ARN.check(arn),
                "SingleMasterChannelEndpointConfiguration": wanted,
            },
        )
        return channel_endpoints(operation, answer)

    async def _call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """On the control plane that was chosen; tells where a region seems to have none such."""
        choice = self._choice
        try:
            return await self._account.call(
                "kinesisvideo", self.region, operation, parameters, choice=choice
            )
        except CloudError as error:
            ours = choice.url or self._account.endpoints.kinesis_video
            if error.kind is not Kind.UNREACHABLE or ours or not choice.words:
                raise
            raise self._variant_missing(choice, error) from error

    def _variant_missing(self, choice: EndpointChoice, error: CloudError) -> CloudError:
        """No answer: most likely because there is no such name."""
        known = not choice.fips or has_fips(self.region)
        there = "cannot be reached" if known else "is not known to exist"
        return CloudError(
            f"The {choice.words} endpoint of {self.region} {there}: {error.message}",
            operation=error.operation,
            kind=Kind.UNREACHABLE,
            code=error.code,
        )

    def _signaling_override(self) -> str:
        """The configured signaling endpoint, or "" for the channel's own.

        One URL for everything (AWS_ENDPOINT_URL, a local cloud) is a regional endpoint, where
        GetIceServerConfig is refused; it names the channel's endpoint itself when asked.
        """
        ours = self._account.endpoints.kinesis_video_signaling.rstrip("/")
        if self._choice.url:
            return ""  # the chosen one names the channel's endpoint
        return "" if ours == self._account.endpoints.kinesis_video.rstrip("/") else ours

    async def _known_endpoints(self, arn: str, role: Role) -> ChannelEndpoints:
        known = self._endpoints.get((arn, role))
        return known if known is not None else await self.endpoints(arn, role)
