"""Uses everything with all logging on, then looks for every secret that passed through.

In this process: window, console and local cloud, so that every secret is known. Prints as JSON
where a secret was found, and how many secrets and characters were compared.
"""

import contextlib
import json
import logging
import os
import sys
import warnings
import zlib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
from keyring.backend import KeyringBackend

from peerdeck import wiring
from peerdeck.cloud.account import AwsAccount
from peerdeck.cloud.kinesis_video import KinesisVideo
from peerdeck.core.errors import UserError
from peerdeck.core.peer_log import SessionLog
from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import Mode
from peerdeck.engine.tunnel import TunnelProxy
from peerdeck.gui import app
from peerdeck.gui.tour import conductor, steps
from peerdeck.gui.tour.driver import Driver
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import demo_seed
from peerdeck.localcloud.turn.credentials import Credentials

HOME = Path(os.environ["HOME"])
secrets: dict[str, str] = {}
seen: dict[str, str] = {}
recorded: dict[str, SessionLog] = {}
clouds: list[LocalCloud] = []
real_build = wiring.build_console


class RecordingKeyring(KeyringBackend):
    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, str] = {}

    def get_password(self, service, username):
        return self.held.get(username)

    def set_password(self, service, username, password):
        self.held[username] = secrets[f"keyring {username} {len(secrets)}"] = password

    def delete_password(self, service, username):
        del self.held[username]


def look(window, console, when: str) -> None:
    """Everything that a person, a debugger or another user of the machine could see now."""
    from PySide6.QtCore import QObject

    parts = []
    for thing in (window, *window.findChildren(QObject)):
        for name in ("text", "toolTip", "plainText", "placeholderText", "title", "windowTitle"):
            read = getattr(thing, name, None)
            if callable(read) and thing.objectName() != "qt_spinbox_lineedit":
                parts.append(str(read()))
        if hasattr(thing, "rowCount") and hasattr(thing, "index"):
            cells = (
                thing.index(r, c).data()
                for r in range(thing.rowCount())
                for c in range(thing.columnCount())
            )
            parts.extend(map(str, cells))
    seen[f"window at {when}"] = "\n".join(parts)
    for name in ("account", "channels", "ice", "sessions", "recordings", "tunnels", "settings"):
        seen[f"{name} state at {when}"] = repr(getattr(console, name).state.value)
    seen[f"journal at {when}"] = repr(console.journal.entries.value)
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    seen[f"argv at {when}"] = repr([process.cmdline() for process in processes])


async def faults(window, console, cloud) -> None:
    """Refusals, whose texts must not hold what was refused."""
    tunnel = next(t for t in console.tunnels.state.value.tunnels if t.status == "OPEN")
    record, source, _ = cloud.state.tunnels.open("eu-west-1", thing="x", services=("SSH",))
    secrets["spent access token"] = source.reveal()
    cloud.state.tunnels.admit(Mode.SOURCE, source.reveal(), None)
    proxy = TunnelProxy(
        mode=Mode.SOURCE,
        url=cloud.endpoints.tunnel_data,
        access_token=source,
        listen={},
        targets=None,
    )
    try:
        await proxy.start()
    except Exception as error:
        logging.getLogger("test").exception("spent token refused")
        seen["refusal"] = repr(error) + str(error) + repr(vars(error))
    await proxy.aclose()
    bad = AwsAccount(
        endpoints=cloud.endpoints,
        access_key=Secret(cloud.credentials.access_key),
        secret_key=Secret("wrong-secret-key-1234567890"),
    )
    secrets["wrong key"] = "wrong-secret-key-1234567890"
    try:
        await bad.describe("eu-west-1")
    except Exception as error:
        logging.getLogger("test").exception("wrong key refused")
        seen["wrong key"] = repr(error)
    await bad.aclose()
    try:
        await console.tunnels.connect(tunnel.id)
    except UserError:
        logging.getLogger("test").exception("no token")
    look(window, console, "the faults")
    _ = record


async def record(console) -> None:
    """Every session, from its beginning."""
    for session in console.sessions.state.value:
        if session.is_live and session.id not in recorded:
            recorded[session.id] = console.sessions.log(session.id)
            await console.recordings.start(session.id, HOME / f"{session.id}.prec")


async def keep_recordings(console) -> None:
    """What is in the files, which are compressed, and in all that is made of them."""
    for session_id, log in recorded.items():
        await console.recordings.stop(session_id)
        path = HOME / f"{session_id}.prec"
        seen[f"recording {session_id}"] = zlib.decompress(path.read_bytes()[16:], -15).decode(
            "latin-1"
        )
        await console.recordings.open(path)
        await console.recordings.export_internals(log, HOME / f"{session_id}.json")
        for peer_id, peer in log.peers.items():
            members = (*peer.table.members(), *peer.table.texts())
            table = HOME / f"{session_id} {len(seen)}.csv"
            await console.recordings.export_csv(log, table, members, peer_id)
    seen["open recordings"] = repr([(r, r.log) for r in console.recordings.state.value])


async def everything(window, console, folder, say) -> bool:
    driver = Driver(window, console, folder)
    for name, step in steps.STEPS:
        look(window, console, f"before {name}")
        say(f"{name}: {await step(driver)}")
        if name != "Leave, join again":  # the tour's next step records that session by itself
            await record(console)
    await faults(window, console, clouds[-1])
    await keep_recordings(console)
    look(window, console, "open recordings")
    driver.close()
    return True


async def signed(self, *arguments, **keywords):
    url = await real_signed(self, *arguments, **keywords)
    query = parse_qs(urlsplit(url).query)
    secrets[f"signature {len(secrets)}"] = query["X-Amz-Signature"][0]
    return url


def issued(self, *arguments, **keywords):
    """Of sessions, too, whose credentials no page shows."""
    username, password = real_issued(self, *arguments, **keywords)
    secrets[f"TURN password {len(secrets)}"] = password
    return username, password


class InProcess:
    def __init__(self, cloud, stack):
        self._cloud, self._stack = cloud, stack
        self.endpoints, self.regions = cloud.endpoints, cloud.regions
        self.faults = wiring.DemoFaults(cloud.admin_url)

    def account(self):
        keys = self._cloud.credentials
        return AwsAccount(
            endpoints=self.endpoints, access_key=Secret(keys.access_key), secret_key=keys.secret_key
        )

    async def aclose(self):
        await self._stack.aclose()


async def start_demo():
    stack = contextlib.AsyncExitStack()
    clouds.append(await stack.enter_async_context(LocalCloud(demo_seed())))
    secrets["secret key"] = clouds[-1].credentials.secret_key.reveal()
    await stack.enter_async_context(wiring.devices_of(clouds[-1]))
    return InProcess(clouds[-1], stack)


def build_console(**_):
    return real_build(
        environment={},
        start_demo=start_demo,
        secrets=wiring.SecretStore(backend=RecordingKeyring()),
    )


def files() -> dict[str, str]:
    """All that was written below the user's home, as text and as it is (a PNG may be one)."""
    return {
        str(path): path.read_bytes().decode("latin-1") for path in HOME.rglob("*") if path.is_file()
    }


warnings.simplefilter("error")
logging.basicConfig(filename=HOME / "debug.log", level=logging.DEBUG)
real_signed, KinesisVideo.signaling_url = KinesisVideo.signaling_url, signed
real_issued, Credentials.issue = Credentials.issue, issued
wiring.build_console, conductor.tour = build_console, everything
status = app.run(demo=True, tour=Path(sys.argv[1]))
seen |= files()
found = [
    f"{name} in {place}"
    for name, secret in secrets.items()
    for place, text in seen.items()
    if secret in text
]
size = sum(map(len, seen.values()))
sys.stdout.write(
    json.dumps(
        {
            "found": found,
            "secrets": sorted(secrets),
            "characters": size,
            "recordings": [seen[place] for place in seen if place.startswith("recording ")],
        }
    )
    + "\n"
)
sys.exit(status)
