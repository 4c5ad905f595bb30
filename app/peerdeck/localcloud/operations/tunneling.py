"""IoT Secure Tunneling: the eight operations of its API."""

from typing import Any

from peerdeck.core.tunnel import MAX_LIFETIME_MIN, Mode
from peerdeck.localcloud.paging import PageTokenError
from peerdeck.localcloud.state import Call, OperationError
from peerdeck.localcloud.tunnel_records import Side, TunnelRecord
from peerdeck.localcloud.tunnels import TunnelLimitReachedError, TunnelMissingError

_DEFAULT_PAGE = 100
_MODES = {
    "SOURCE": (Mode.SOURCE,),
    "DESTINATION": (Mode.DESTINATION,),
    "ALL": (Mode.SOURCE, Mode.DESTINATION),
}


def open_tunnel(call: Call) -> dict[str, Any]:
    thing, services = _destination(call)
    timeout = call.fields.get("timeoutConfig", {})
    try:
        record, source, destination = call.state.tunnels.open(
            call.region,
            thing=thing,
            services=services,
            description=call.fields.get("description", ""),
            tags={tag["key"]: tag["value"] for tag in call.fields.get("tags", ())},
            lifetime_min=timeout.get("maxLifetimeTimeoutMinutes", MAX_LIFETIME_MIN),
        )
    except TunnelLimitReachedError as error:
        raise OperationError("LimitExceededException", str(error)) from error
    return {
        "tunnelId": record.id,
        "tunnelArn": record.arn,
        "sourceAccessToken": source.reveal(),
        "destinationAccessToken": destination.reveal(),
    }


def close_tunnel(call: Call) -> dict[str, Any]:
    try:
        call.state.tunnels.close(
            call.region, call.fields["tunnelId"], delete=call.fields.get("delete", False)
        )
    except TunnelMissingError as error:
        raise _not_found(error) from error
    return {}


def describe_tunnel(call: Call) -> dict[str, Any]:
    try:
        record = call.state.tunnels.get(call.region, call.fields["tunnelId"])
    except TunnelMissingError as error:
        raise _not_found(error) from error
    destination = {"thingName": record.thing or None, "services": list(record.services)}
    tunnel = {
        **_summary(record),
        "sourceConnectionState": _connection(record.sides[Mode.SOURCE]),
        "destinationConnectionState": _connection(record.sides[Mode.DESTINATION]),
        "destinationConfig": destination if record.services else None,
        "timeoutConfig": {"maxLifetimeTimeoutMinutes": record.lifetime_min},
        "tags": _tags(record) or None,
    }
    return {"tunnel": tunnel}


def list_tunnels(call: Call) -> dict[str, Any]:
    """Newest first. A token names the last tunnel shown: new ones do not shift the pages."""
    thing = call.fields.get("thingName", "")
    query = f"tunnels|{call.region}|{thing}"
    records = call.state.tunnels.tunnels(call.region, thing)
    try:
        after = call.state.pages.read(query, call.fields.get("nextToken", ""))
    except PageTokenError as error:
        raise OperationError("ValidationException", "The nextToken is not valid.") from error
    if after:
        created, _, tunnel_id = after.partition("|")
        shown = (-float(created), tunnel_id)
        records = [record for record in records if (-record.created_at, record.id) > shown]
    limit = call.fields.get("maxResults", _DEFAULT_PAGE)
    page = records[:limit]
    more = len(records) > limit
    last = f"{page[-1].created_at!r}|{page[-1].id}" if more else ""
    return {
        "tunnelSummaries": [_summary(record) for record in page],
        "nextToken": call.state.pages.make(query, last) if more else None,
    }


def rotate_tunnel_access_token(call: Call) -> dict[str, Any]:
    thing, services = _destination(call)
    try:
        record, tokens = call.state.tunnels.rotate(
            call.region,
            call.fields["tunnelId"],
            _MODES[call.fields["clientMode"]],
            thing=thing,
            services=services,
        )
    except TunnelMissingError as error:
        raise _not_found(error) from error
    except TunnelLimitReachedError as error:
        raise OperationError("ValidationException", str(error)) from error
    return {
        "tunnelArn": record.arn,
        "sourceAccessToken": tokens[Mode.SOURCE].reveal() if Mode.SOURCE in tokens else None,
        "destinationAccessToken": (
            tokens[Mode.DESTINATION].reveal() if Mode.DESTINATION in tokens else None
        ),
    }


def tag_resource(call: Call) -> dict[str, Any]:
    tags = {tag["key"]: tag["value"] for tag in call.fields["tags"]}
    try:
        call.state.tunnels.tag(_by_arn(call), tags)
    except TunnelLimitReachedError as error:
        raise OperationError("LimitExceededException", str(error)) from error
    return {}


def untag_resource(call: Call) -> dict[str, Any]:
    call.state.tunnels.untag(_by_arn(call), call.fields["tagKeys"])
    return {}


def list_tags_for_resource(call: Call) -> dict[str, Any]:
    return {"tags": _tags(_by_arn(call))}


def _destination(call: Call) -> tuple[str, tuple[str, ...]]:
    config = call.fields.get("destinationConfig", {})
    services = tuple(config.get("services", ()))
    if len(set(services)) != len(services):
        raise OperationError("ValidationException", "The services must be unique.")
    return config.get("thingName", ""), services


def _by_arn(call: Call) -> TunnelRecord:
    try:
        return call.state.tunnels.by_arn(call.region, call.fields["resourceArn"])
    except TunnelMissingError as error:
        raise _not_found(error) from error


def _not_found(error: TunnelMissingError) -> OperationError:
    return OperationError("ResourceNotFoundException", str(error))


def _summary(record: TunnelRecord) -> dict[str, Any]:
    return {
        "tunnelId": record.id,
        "tunnelArn": record.arn,
        "status": record.status,
        "description": record.description or None,
        "createdAt": record.created_at,
        "lastUpdatedAt": record.updated_at,
    }


def _connection(side: Side) -> dict[str, Any]:
    return {
        "status": "DISCONNECTED" if side.connected is None else "CONNECTED",
        "lastUpdatedAt": side.changed_at or None,
    }


def _tags(record: TunnelRecord) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in record.tags.items()]
