"""Does a STUN or TURN server really work from here, how fast, and if not, why not?"""

import asyncio
import hashlib
import ssl
import statistics
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from aioice import stun

from peerdeck.core.ice import IceProbe, IceServer, IceUri, ProbeVerdict
from peerdeck.core.secret import Secret
from peerdeck.engine.stun_link import Answer, LinkFailedError, StunLink
from peerdeck.engine.tasks import TaskSet

MAX_AT_ONCE = 8
_BINDINGS = 3
_UDP_RELAY = 17 << 24  # REQUESTED-TRANSPORT: protocol number and three reserved bytes
_LIFETIME_S = 60
_MAX_PHRASE = 120
_NO_DTLS = (
    "this console does not speak STUN over DTLS; the same server's “transport=tcp” URI can be tried"
)
_PHRASES = {
    300: "Try Alternate",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    420: "Unknown Attribute",
    437: "Allocation Mismatch",
    438: "Stale Nonce",
    440: "Address Family not Supported",
    441: "Wrong Credentials",
    442: "Unsupported Transport Protocol",
    486: "Allocation Quota Reached",
    500: "Server Error",
    508: "Insufficient Capacity",
}
_MEANINGS = {
    300: "the server sends its clients to another one",
    401: "the credentials are wrong or have expired",
    403: "the server does not allow this",
    441: "the credentials are not those of the allocation",
    486: "there are too many allocations already",
    508: "the server has no free relay port",
}


class _RefusedError(Exception):
    """The server answered with an error; the text is for people."""


async def probe(
    uri: IceUri,
    *,
    username: str = "",
    password: Secret = Secret(""),
    timeout_s: float = 5.0,
    tls: ssl.SSLContext | None = None,
) -> IceProbe:
    """Tries one URI: STUN bindings, or a TURN allocation that is given back at once.

    rtt_ms is the median of at least one exchange, connection set-up excluded. Network faults and
    refusals are verdicts, never exceptions. tls: the system's authorities where it is None.
    """
    if uri.is_secure and uri.transport == "udp":
        return IceProbe(uri.text, ProbeVerdict.UNSUPPORTED, reason=_NO_DTLS)
    link = StunLink(uri, tls)
    dialogue = _Dialogue(link, username, password)
    verdict, reason = ProbeVerdict.OK, ""
    try:
        async with asyncio.timeout(timeout_s):
            await link.open()
            await (dialogue.try_turn() if uri.is_turn else dialogue.try_stun())
    except TimeoutError:
        verdict, reason = ProbeVerdict.SILENT, link.tried(timeout_s)
    except LinkFailedError as error:
        verdict, reason = ProbeVerdict.UNREACHABLE, str(error)
    except _RefusedError as error:
        verdict, reason = ProbeVerdict.REFUSED, str(error)
    finally:
        dialogue.abandon()
        link.close()
    if dialogue.has_worked:  # what went wrong afterwards does not matter
        verdict, reason = ProbeVerdict.OK, ""
    return IceProbe(uri.text, verdict, dialogue.rtt_ms, dialogue.mapped, dialogue.relayed, reason)


async def probe_all(
    servers: Sequence[IceServer], timeout_s: float = 5.0, *, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[IceProbe, None]:
    """Every URI of every server, at most MAX_AT_ONCE at a time; results as they come.

    timeout_s is each probe's own. Who stops iterating early closes the iterator
    (contextlib.aclosing), which cancels the rest.
    """
    places = asyncio.Semaphore(MAX_AT_ONCE)
    tasks = TaskSet("ice-probe")

    async def one(server: IceServer, uri: IceUri) -> IceProbe:
        async with places:
            return await probe(
                uri,
                username=server.username,
                password=server.password,
                timeout_s=timeout_s,
                tls=tls,
            )

    waiting = {tasks.start(uri.text, one(server, uri)) for server in servers for uri in server.uris}
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()
    finally:
        await tasks.aclose()


class _Dialogue:
    """What is said to the server, and what was learnt so far."""

    def __init__(self, link: StunLink, username: str, password: Secret) -> None:
        self.mapped = ""
        self.relayed = ""
        self.has_worked = False
        self._link = link
        self._username = username
        self._password = password
        self._realm = ""
        self._nonce = b""
        self._key: bytes | None = None
        self._answers: list[Answer] = []
        self._is_allocated = False

    @property
    def rtt_ms(self) -> float | None:
        """Median; answers to retransmitted requests count only where there is nothing better."""
        exact = [answer.rtt_ms for answer in self._answers if answer.is_exact]
        times = exact or [answer.rtt_ms for answer in self._answers]
        return statistics.median(times) if times else None

    async def try_stun(self) -> None:
        """Binding requests (RFC 8489 §2)."""
        for _ in range(_BINDINGS):
            found = (await self._request(stun.Method.BINDING, {})).attributes
            mapped = found.get("XOR-MAPPED-ADDRESS") or found.get("MAPPED-ADDRESS")
            if mapped is None:
                raise _RefusedError("the answer holds no mapped address")
            self.mapped = _address(mapped)
            self.has_worked = True

    async def try_turn(self) -> None:
        """Allocates (RFC 8656 §7) and gives the allocation back (§8)."""
        answer = await self._request(
            stun.Method.ALLOCATE, {"REQUESTED-TRANSPORT": _UDP_RELAY, "LIFETIME": _LIFETIME_S}
        )
        self._is_allocated = True
        relayed = answer.attributes.get("XOR-RELAYED-ADDRESS")
        mapped = answer.attributes.get("XOR-MAPPED-ADDRESS")
        self.mapped = _address(mapped) if mapped else ""
        if relayed is None:
            raise _RefusedError("the answer to Allocate holds no relayed address")
        self.relayed = _address(relayed)
        self.has_worked = True
        await self._request(stun.Method.REFRESH, {"LIFETIME": 0})
        self._is_allocated = False

    def abandon(self) -> None:
        """Gives the allocation back without waiting, if that has not been done."""
        if self._is_allocated:
            self._link.tell(self._message(stun.Method.REFRESH, {"LIFETIME": 0}))

    async def _request(self, method: stun.Method, attributes: dict[str, Any]) -> stun.Message:
        """The success response; authenticates once and renews one stale nonce (RFC 8489 §9.2.5)."""
        may_authenticate, may_renew = True, True
        while True:
            answer = await self._link.exchange(self._message(method, attributes), self._key)
            self._answers.append(answer)
            message = answer.message
            if message.message_class == stun.Class.RESPONSE:
                return message
            code = message.error_code
            if code == 401 and self._key is None and may_authenticate:
                may_authenticate = False
                self._authenticate(message)
            elif code == 438 and self._key is not None and may_renew:
                may_renew = False
                self._authenticate(message)
            else:
                raise _RefusedError(_refusal_text(message))

    def _authenticate(self, challenge: stun.Message) -> None:
        self._realm = challenge.attributes.get("REALM", self._realm)
        self._nonce = challenge.attributes.get("NONCE", b"")
        if not self._username:
            raise _RefusedError(
                f"{_status(challenge)}: the server asks for credentials and there are none"
            )
        if not self._realm or not self._nonce:
            raise _RefusedError(f"{_status(challenge)}: without the realm or nonce to sign with")
        text = f"{self._username}:{self._realm}:{self._password.reveal()}"
        self._key = hashlib.md5(text.encode(), usedforsecurity=False).digest()  # RFC 8489 §9.2.2

    def _message(self, method: stun.Method, attributes: dict[str, Any]) -> stun.Message:
        message = stun.Message(method, stun.Class.REQUEST, attributes=dict(attributes))
        if self._key is None:
            message.add_fingerprint()
        else:
            message.attributes["USERNAME"] = self._username
            message.attributes["REALM"] = self._realm
            message.attributes["NONCE"] = self._nonce
            message.add_message_integrity(self._key)
        return message


def _status(message: stun.Message) -> str:
    """ "486 Allocation Quota Reached": the server's own words, or the RFC's where it has none."""
    code, phrase = message.attributes.get("ERROR-CODE", (0, ""))
    if not code:
        return "an error without a code"
    phrase = "".join(c if c.isprintable() else " " for c in phrase)[:_MAX_PHRASE].strip()
    return f"{code} {phrase or _PHRASES.get(code, '')}".strip()


def _refusal_text(message: stun.Message) -> str:
    meaning = _MEANINGS.get(message.error_code or 0)
    return f"{_status(message)}: {meaning}" if meaning else _status(message)


def _address(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
