"""Cameras and microphones, as far as a machine without any can tell."""

import asyncio
import os
import sys

import av
import pytest

from peerdeck.engine.errors import MediaUnusable
from peerdeck.engine.media.devices import Device, Microphone, device_named, devices

ALSA = """
pcm.testmic { type null hint { show on description "Test microphone" } }
pcm.null { type null hint { show on description "Discard all" } }
"""
PROGRAM = """
from peerdeck.engine.media.devices import Microphone, device_named, devices
print([device.words for device in devices("audio")])
microphone = Microphone(device_named("", "audio"))
chunks = [microphone.read(1.0) for _ in range(3)]
microphone.close()
print([(round(at_s, 2), len(chunk)) for at_s, chunk in chunks])
"""


class Listed:
    def __init__(self, name, description="", media_types=(), is_default=False):
        self.name, self.description = name, description
        self.media_types, self.is_default = list(media_types), is_default


@pytest.fixture
def listing(monkeypatch):
    """What FFmpeg lists, by format; others are not in the build."""
    known = {}

    def enumerate_(format_):
        if format_ not in known:
            raise ValueError(f"no such input format: {format_}")
        return known[format_]

    monkeypatch.setattr(av, "enumerate_input_devices", enumerate_)
    return known


def test_devices_are_found_by_name_or_by_what_people_call_them(listing):
    listing["v4l2"] = [
        Listed("/dev/video2", "Front camera", ["video"]),
        Listed("/dev/video0", "Desk camera", ["video"], is_default=True),
    ]
    assert device_named("", "video", "linux").name == "/dev/video0"
    assert device_named("Front camera", "video", "linux").name == "/dev/video2"
    assert device_named("/dev/video2", "video", "linux").format == "v4l2"
    with pytest.raises(MediaUnusable, match="no such camera; there is Desk camera, Front camera"):
        device_named("Headset", "video", "linux")


def test_a_machine_without_any_says_so(listing):
    listing["v4l2"] = []
    for kind, word in (("video", "camera"), ("audio", "microphone")):
        assert devices(kind, "linux") == ()
        with pytest.raises(MediaUnusable, match=f"no {word} that can be used"):
            device_named("", kind, "linux")


def test_one_list_of_both_is_told_apart(listing):
    listing["avfoundation"] = [Listed("0", "FaceTime", ["video"]), Listed("0", "Mic", ["audio"])]
    assert [d.words for d in devices("audio", "darwin")] == ["Mic"]
    assert [d.words for d in devices("video", "darwin")] == ["FaceTime"]


def test_what_needs_no_plug_in_of_the_system_comes_first(listing):
    names = ["null", "default", "hw:CARD=A,DEV=0", "plughw:CARD=A,DEV=0", "sysdefault:CARD=A"]
    listing["alsa"] = [Listed(name) for name in names]
    found = [device.name for device in devices("audio", "linux")]
    assert found == ["sysdefault:CARD=A", "plughw:CARD=A,DEV=0", "hw:CARD=A,DEV=0", "default"]


def test_a_device_that_is_gone_is_named_with_the_reason():
    with pytest.raises(MediaUnusable, match="Gone mic: "):
        Microphone(Device("/nowhere", "Gone mic", "lavfi"))


@pytest.mark.skipif(sys.platform != "linux", reason="ALSA is Linux's")
async def test_a_microphone_is_read_through_alsa(tmp_path):
    configuration = tmp_path / "alsa.conf"
    configuration.write_text(ALSA)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        env=os.environ
        | {"ALSA_CONFIG_PATH": str(configuration), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        said, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    assert said.decode().splitlines() == [
        "['Test microphone']",
        "[(0.98, 3840), (0.98, 3840), (0.98, 3840)]",
    ]
