"""The console's services without a window, on a machine of the lab.

argv: the channel's name, and JoinOptions as JSON, for instance {"policy": "relay only"}. The
environment says where the cloud is. Prints a JSON line at every change of the session; leaves at
the end of standard input.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict

from peerdeck.core.join import JoinOptions, PathPolicy
from peerdeck.core.session import Session
from peerdeck.services.status import Status
from peerdeck.wiring import Console, build_console


def options(text: str) -> JoinOptions:
    fields = json.loads(text)
    if "policy" in fields:
        fields["policy"] = PathPolicy(fields["policy"])
    return JoinOptions(**fields)


def told(console: Console, session: Session) -> dict[str, object]:
    problem = session.problem
    log = console.sessions.log(session.id)
    reports = {name: peer.table.report().objects for name, peer in log.peers.items()}
    return {
        "phase": session.phase.value,
        "signaling": session.signaling,
        "rebuilds": session.rebuilds,
        "steps": {step.name: step.at_ms for step in session.steps},
        "details": {step.name: step.detail for step in session.steps},
        "stats": asdict(session.stats) if session.stats else None,
        "path": session.stats.pair.path if session.stats and session.stats.pair else "",
        "report": next(iter(reports.values()), {}),
        "problem": [problem.title, problem.remedy, problem.detail] if problem else None,
    }


async def main() -> None:
    console = build_console()
    await console.load()
    await ready(console)
    channels = console.channels.state.value.channels
    arn = next(channel.arn for channel in channels if channel.name == sys.argv[1])
    last: dict[str, object] = {}

    def tell(sessions: tuple[Session, ...]) -> None:
        nonlocal last
        if sessions and (now := told(console, sessions[0])) != last:
            last = now
            sys.stdout.write(json.dumps({"at": time.time(), **now}) + "\n")
            sys.stdout.flush()

    console.sessions.state.subscribe(tell)
    session_id = console.sessions.join(arn, options(sys.argv[2]))
    await asyncio.to_thread(sys.stdin.read)
    await console.sessions.leave(session_id)
    await console.aclose()


async def ready(console: Console) -> None:
    """Waits for the list of channels, however slow the network is."""
    listed = asyncio.Event()
    console.channels.state.subscribe(lambda s: listed.set() if s.status is Status.READY else None)
    if console.channels.state.value.status is Status.READY:
        listed.set()
    async with asyncio.timeout(30):
        await listed.wait()


asyncio.run(main())
