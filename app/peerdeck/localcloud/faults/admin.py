"""Faults by HTTP, under a path that only its finder knows (no AWS signature; loopback).

    GET    …/faults            every fault with its name, words, parameters, whether it is on
    PUT    …/faults/NAME       on; body {"duration_s": 30, "values": {"operation": "…"}} or none
    DELETE …/faults/NAME       off
    DELETE …/faults            all off
Answers are JSON; a refusal is {"error": words} with 400 or 404.
"""

import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from peerdeck.core.errors import FieldError
from peerdeck.localcloud.faults.fault import (
    Choice,
    Faults,
    FaultState,
    Number,
    UnknownFaultError,
)

_Handler = Callable[[web.Request], Awaitable[web.Response]]


class FaultAdmin:
    """path: begins with a slash; holds 128 random bits."""

    def __init__(self) -> None:
        self.path = f"/_local/{secrets.token_urlsafe(16)}"
        self._faults: Faults | None = None

    def serve(self, faults: Faults) -> None:
        """From now on."""
        self._faults = faults

    def mount(self, application: web.Application) -> None:
        routes: tuple[tuple[str, str, _Handler], ...] = (
            ("GET", "", self._list),
            ("DELETE", "", self._clear),
            ("GET", "/{name}", self._show),
            ("PUT", "/{name}", self._switch_on),
            ("DELETE", "/{name}", self._switch_off),
        )
        for method, rest, handler in routes:
            application.router.add_route(method, f"{self.path}/faults{rest}", _worded(handler))

    @property
    def _now(self) -> Faults:
        if self._faults is None:
            raise web.HTTPServiceUnavailable
        return self._faults

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"faults": [_described(s) for s in self._now.listing()]})

    async def _show(self, request: web.Request) -> web.Response:
        return web.json_response(_described(self._now.state(request.match_info["name"])))

    async def _switch_on(self, request: web.Request) -> web.Response:
        body = await request.read()
        wanted = json.loads(body) if body else {}
        if not isinstance(wanted, dict) or not wanted.keys() <= {"duration_s", "values"}:
            raise FieldError("body", str(wanted), 'must be {"duration_s": …, "values": {…}}.')
        duration_s, values = wanted.get("duration_s"), wanted.get("values", {})
        if isinstance(duration_s, bool) or not isinstance(duration_s, int | float | None):
            raise FieldError("duration_s", str(duration_s), "must be a number of seconds.")
        if not isinstance(values, dict):
            raise FieldError("values", str(values), "must be an object.")
        name = request.match_info["name"]
        state = await self._now.switch_on(name, values, duration_s=duration_s)
        return web.json_response(_described(state))

    async def _switch_off(self, request: web.Request) -> web.Response:
        return web.json_response(_described(await self._now.switch_off(request.match_info["name"])))

    async def _clear(self, request: web.Request) -> web.Response:
        await self._now.clear()
        return await self._list(request)


def _worded(handler: _Handler) -> _Handler:
    """Refusals in words."""

    async def answer(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except UnknownFaultError as error:
            return web.json_response({"error": str(error)}, status=404)
        except FieldError as error:
            return web.json_response({"error": str(error)}, status=400)
        except (ValueError, RecursionError):
            return web.json_response({"error": "The body must be JSON."}, status=400)

    return answer


def _described(state: FaultState) -> dict[str, Any]:
    fault = state.fault
    return {
        "name": fault.name,
        "group": fault.group,
        "title": fault.title,
        "description": fault.description,
        "end": fault.end,
        "momentary": fault.momentary,
        "duration_s": fault.duration_s,
        "parameters": [_parameter(parameter) for parameter in fault.parameters],
        "on": state.on,
        "values": dict(state.values),
        "left_s": state.left_s,
        "happened": state.happened,
    }


def _parameter(parameter: Number | Choice) -> dict[str, Any]:
    shared = {"name": parameter.name, "words": parameter.words, "default": parameter.default}
    if isinstance(parameter, Number):
        return {**shared, "least": parameter.least, "most": parameter.most}
    return {
        **shared,
        "choices": list(parameter.values),
        "suggestions": list(parameter.suggestions),
    }
