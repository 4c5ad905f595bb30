"""The demo device's console, word by word."""

import pytest

from peerdeck.localcloud.device.shell import MAX_LINE, Reply, Shell
from peerdeck.localcloud.device.thing import Thing, duration_text


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shell(clock) -> Shell:
    return Shell(Thing("pump-07", clock))


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("hostname", Reply("pump-07\n")),
        ("whoami", Reply("demo\n")),
        ("date", Reply("2023-11-14T22:13:20Z\n")),
        ("uptime", Reply("up 0 min\n")),
        ("echo a 'b  c'", Reply("a b  c\n")),
        ("false", Reply("", 1)),
        ("false; true", Reply("", 0)),
        ("echo a; echo b", Reply("a\nb\n")),
        ("", Reply()),
        ("  ;", Reply()),
        ("exit", Reply("", 0, True)),
        ("exit 3", Reply("", 3, True)),
        ("false; exit; echo no", Reply("", 1, True)),
        ("logout", Reply("", 0, True)),
        ("echo 'a", Reply("sh: no closing quotation\n", 2)),
        ("logs many", Reply("logs: many: not a number\n", 2)),
        ("ls", Reply("sh: ls: not found\n", 127)),
        ("/bin/sh", Reply("sh: /bin/sh: not found\n", 127)),
        ("echo $HOME `id`", Reply("$HOME `id`\n")),
        ("x" * (MAX_LINE + 1), Reply(f"sh: line longer than {MAX_LINE} characters\n", 2)),
    ],
)
def test_a_line_is_answered(shell, line, reply):
    assert shell.run(line) == reply


def test_help_names_every_command(shell):
    listed = [line.split()[0] for line in shell.run("help").text.splitlines()]
    assert {"help", "status", "uptime", "logs", "sensors", "echo", "exit"} <= set(listed)
    for command in listed:
        assert shell.run(command).status in {0, 1}


def test_status_and_sensors_agree(shell, clock):
    for clock.now in range(1_700_000_000, 1_700_000_100):
        high = [line for line in shell.run("sensors").text.splitlines() if line.endswith("HIGH")]
        assert ("health    good" in shell.run("status").text) == (not high)


def test_logs_end_now_and_are_bounded(shell, clock):
    lines = shell.run("logs 5").text.splitlines()
    assert len(lines) == 5
    assert lines == sorted(lines)
    assert lines[-1] <= "2023-11-14T22:13:20Z" + "~"
    clock.now += 7
    assert shell.run("logs 5").text.splitlines()[:4] == lines[1:]
    assert len(shell.run("logs 999999999999").text.splitlines()) == 1000


def test_things_differ(clock):
    assert Thing("pump-07", clock).readings() != Thing("gate-12", clock).readings()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 min"), (59, "0 min"), (3600, "1 h 0 min"), (93_784, "1 d 2 h 3 min")],
)
def test_durations_are_words(seconds, text):
    assert duration_text(seconds) == text
