"""A look at every answer before botocore parses it: is it AWS's, and what does its clock say?"""

import json
import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from email.utils import parsedate_to_datetime
from typing import Any

from peerdeck.cloud.errors import NotAwsAnswer

_JSON_PROTOCOLS = {"json", "rest-json"}
_GATEWAY = {502, 503, 504}  # a load balancer's own page: worth botocore's retry
_REQUEST_ID = ("x-amzn-requestid", "x-amzn-request-id", "x-amz-request-id")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)


class AnswerWatch:
    """botocore event handler for `before-parse`; called on any thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.clock_offset_s: float | None = None

    def __call__(self, **event: Any) -> None:
        """Raises NotAwsAnswer, which ends the call without another attempt."""
        response_dict: Mapping[str, Any] = event["response_dict"]
        headers = {str(k).lower(): str(v) for k, v in response_dict["headers"].items()}
        status = response_dict["status_code"]
        body = response_dict["body"]
        operation = event["operation_model"]
        if isinstance(body, bytes) and status not in _GATEWAY:
            reject_strangers(
                status,
                headers,
                body,
                is_json=operation.service_model.resolved_protocol in _JSON_PROTOCOLS,
                members=_member_names(operation.output_shape),
            )
        if any(name in headers for name in _REQUEST_ID):
            self._learn(headers.get("date", ""))

    def _learn(self, date: str) -> None:
        try:
            theirs = parsedate_to_datetime(date).timestamp()
        except (TypeError, ValueError):
            return
        # The header has whole seconds: on average half a second has gone since.
        self.clock_offset_s = theirs + 0.5 - self._clock()


def reject_strangers(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    is_json: bool,
    members: AbstractSet[str] = frozenset(),
) -> None:
    """Raises NotAwsAnswer for a body that no AWS service sends.

    headers: lower-case names. members: of the operation's answer.
    botocore reads a web page as an error without code, or with status 200 as an empty success.
    """
    text = body.decode("utf-8", errors="replace").strip()
    value = _json(text)
    if isinstance(value, dict) and isinstance(value.get("success"), bool):
        # The generic body of mock gateways: {"success": false, "error": {"code", "message"}}.
        error = value.get("error")
        error = error if isinstance(error, dict) else {}
        message = str(error.get("message") or "A body with “success” is not AWS's form of answer.")
        raise NotAwsAnswer(message, code=str(error.get("code", "")), status=status)
    if not text and status < 300:
        return  # CloseTunnel answers with an empty body
    from_aws = any(name in headers for name in (*_REQUEST_ID, "x-amzn-errortype"))
    if from_aws and (status >= 300 or isinstance(value, dict) or not is_json):
        return  # errors come in XML too, whatever the protocol: from the authorization in front
    if is_json and not isinstance(value, dict):
        raise NotAwsAnswer(_describe(text, headers), status=status)
    if status >= 300:
        known = _names_an_error(value, text)
    else:
        known = not (isinstance(value, dict) and value and members) or not members.isdisjoint(value)
    if not known:
        raise NotAwsAnswer(_describe(text, headers), status=status)


def _member_names(shape: Any) -> frozenset[str]:
    """The names in the body of a structure's members; none for an operation without an answer."""
    members = shape.members if shape is not None else {}
    return frozenset(m.serialization.get("name", name) for name, m in members.items())


def _json(text: str) -> object:
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _names_an_error(value: object, text: str) -> bool:
    """AWS's errors carry `__type` or `code` in JSON, `<Code>` in XML."""
    if isinstance(value, dict):
        return any(isinstance(value.get(name), str) for name in ("__type", "code", "Code"))
    return "<Code>" in text


def _describe(text: str, headers: Mapping[str, str]) -> str:
    kind = headers.get("content-type", "").partition(";")[0] or "no content type"
    title = _TITLE.search(text)
    words = " ".join((title[1] if title else "").split())
    if not words:
        value = _json(text)
        words = str(value.get("message", "")) if isinstance(value, dict) else ""
    said = f": “{words[:120]}”" if words else ""
    return f"The answer is {'empty' if not text else kind}, not an AWS service's{said}."
