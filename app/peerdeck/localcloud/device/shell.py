"""The commands of a thing's console. Text in, text out; nothing reaches the machine."""

import shlex
from collections.abc import Callable
from typing import NamedTuple

from peerdeck.localcloud.device.thing import FIRMWARE, Thing, duration_text

MAX_LINE = 1024
_MAX_LOG = 1000


class Reply(NamedTuple):
    """text: whole lines, or "". status: as a shell's exit status. ends: the session is over."""

    text: str = ""
    status: int = 0
    ends: bool = False


class Shell:
    """One per session; remembers only the last status."""

    def __init__(self, thing: Thing) -> None:
        self._thing = thing
        self._status = 0
        self._commands: dict[str, tuple[str, Callable[[list[str]], Reply]]] = {
            "help": ("this list", self._help),
            "status": ("the thing in one look", self._show_status),
            "sensors": ("what it measures", self._sensors),
            "logs": ("[COUNT]  the last lines of its log", self._logs),
            "uptime": ("how long it has been running", self._uptime),
            "hostname": ("its name", lambda _: Reply(f"{thing.name}\n")),
            "whoami": ("who you are", lambda _: Reply("demo\n")),
            "date": ("its clock", lambda _: Reply(f"{thing.time_text}\n")),
            "echo": ("TEXT  says it again", lambda words: Reply(" ".join(words) + "\n")),
            "true": ("succeeds", lambda _: Reply()),
            "false": ("fails", lambda _: Reply(status=1)),
            "exit": ("[STATUS]  leaves", self._exit),
        }

    @property
    def greeting(self) -> str:
        return (
            f"{self._thing.name}, firmware {FIRMWARE}. This is a demonstration device.\n"
            "Type help for its commands.\n"
        )

    @property
    def prompt(self) -> str:
        return f"demo@{self._thing.name}:~$ "

    def run(self, line: str) -> Reply:
        """Runs one line; several commands are separated by `;`."""
        if len(line) > MAX_LINE:
            return Reply(f"sh: line longer than {MAX_LINE} characters\n", 2)
        text = ""
        for command in line.split(";"):
            reply = self._run_one(command)
            self._status = reply.status
            text += reply.text
            if reply.ends:
                return Reply(text, reply.status, True)
        return Reply(text, self._status)

    def _run_one(self, line: str) -> Reply:
        try:
            words = shlex.split(line)
        except ValueError as error:
            return Reply(f"sh: {str(error).lower()}\n", 2)
        if not words:
            return Reply(status=self._status)
        if words[0] in {"logout", "quit"}:
            words[0] = "exit"
        entry = self._commands.get(words[0])
        if entry is None:
            return Reply(f"sh: {words[0]}: not found\n", 127)
        return entry[1](words[1:])

    def _help(self, _: list[str]) -> Reply:
        width = max(map(len, self._commands))
        return Reply(
            "".join(f"  {name:{width}}  {what}\n" for name, (what, _) in self._commands.items())
        )

    def _show_status(self, _: list[str]) -> Reply:
        warnings = [reading.name for reading in self._thing.readings() if reading.is_high]
        return Reply(
            f"thing     {self._thing.name}\n"
            f"firmware  {FIRMWARE}\n"
            f"uptime    {duration_text(self._thing.uptime_s)}\n"
            f"health    {'high: ' + ', '.join(warnings) if warnings else 'good'}\n"
        )

    def _sensors(self, _: list[str]) -> Reply:
        return Reply(
            "".join(
                f"{reading.name:<18} {reading.value:>8.1f} {reading.unit}"
                f"{'  HIGH' if reading.is_high else ''}\n"
                for reading in self._thing.readings()
            )
        )

    def _logs(self, words: list[str]) -> Reply:
        count = words[0] if words else "20"
        if not count.isdecimal():
            return Reply(f"logs: {count}: not a number\n", 2)
        lines = self._thing.log(min(int(count[:9]), _MAX_LOG))
        return Reply("".join(f"{line}\n" for line in lines))

    def _uptime(self, _: list[str]) -> Reply:
        return Reply(f"up {duration_text(self._thing.uptime_s)}\n")

    def _exit(self, words: list[str]) -> Reply:
        status = int(words[0][:9]) % 256 if words and words[0].isdecimal() else self._status
        return Reply("", status, True)
