"""What lets a web page call the cloud from another origin, where AWS lets it.

Kinesis Video and STS answer every preflight and `*`: requests are signed, an origin proves nothing.
Secure Tunneling refuses preflights, so that pages need a server of their own for it.
Source: what curl got of AWS, https://github.com/AllanZhengYP/cors-test (February 2021).
"""

import uuid

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

EXPOSED = "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"
PREFLIGHT_S = 172_800  # how long browsers may remember the answer
_TARGET = "x-amz-target"  # only Secure Tunneling's protocol has it


@web.middleware
async def across_origins(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers preflights (Fetch standard, "CORS protocol"), and opens every other answer.

    Not those of paths that begin with an underscore: what switches faults asks for no signature.
    """
    if hdrs.ORIGIN not in request.headers or request.path.startswith("/_"):
        return await handler(request)
    method = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_METHOD)
    if request.method == hdrs.METH_OPTIONS and method is not None:
        return _preflight(method, request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, ""))
    response = await handler(request)
    if not response.prepared and _TARGET not in request.headers:
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"
        response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = EXPOSED
    return response


def _preflight(method: str, headers: str) -> web.Response:
    request_id = {"x-amzn-RequestId": str(uuid.uuid4())}
    if _TARGET in headers.lower().replace(" ", "").split(","):
        return web.Response(status=403, text="<AccessDeniedException/>\n", headers=request_id)
    return web.Response(
        headers={
            **request_id,
            hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: headers,
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: method,
            hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: EXPOSED,
            hdrs.ACCESS_CONTROL_MAX_AGE: str(PREFLIGHT_S),
        }
    )
