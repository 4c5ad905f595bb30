"""Options of a join as a form sees them: every broken rule at once, and as text to be kept."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import msgspec

from peerdeck.core.channel import Role
from peerdeck.core.errors import FieldError
from peerdeck.core.join import CandidateFilter, JoinOptions, PathPolicy, Source

# What a broken field is set to, so that the rules after it are heard, too.
_HARMLESS: Final[dict[str, Callable[[JoinOptions], JoinOptions]]] = {
    "Client ID": lambda o: replace(o, client_id=""),
    "Video file": lambda o: replace(o, video=Source.NONE, receive_video=True),
    "Audio file": lambda o: replace(o, audio=Source.NONE, receive_video=True),
    "Video codec": lambda o: replace(o, video_codec=""),
    "Audio codec": lambda o: replace(o, audio_codec=""),
    "Media": lambda o: replace(o, receive_video=True),
    "Send filter": lambda o: replace(o, send=CandidateFilter()),
    "Accept filter": lambda o: replace(o, accept=CandidateFilter()),
    "TURN URI": lambda o: replace(o, ice_uri=""),
    "ICE URI": lambda o: replace(o, ice_uri=""),
    "Sampling interval": lambda o: replace(o, sample_s=1.0),
}
_NO_FILTERS: Final = (CandidateFilter(), CandidateFilter())
_SAME: Final = {"ICE URI": "TURN URI"}


def _without_endpoint(options: JoinOptions) -> JoinOptions:
    return replace(options, endpoint="")


def join_problems(options: JoinOptions) -> dict[str, str]:
    """The broken rule of every field in words, by the field's name; {} where all is fine."""
    problems: dict[str, str] = {}
    for _ in range(len(_HARMLESS) + 1):
        try:
            options.check()
        except FieldError as error:
            # The only field whose rule is named after the service, not after the option.
            known = error.field in _HARMLESS
            field = _SAME.get(error.field, error.field) if known else "Endpoint"
            problems[field] = error.rule
            options = _HARMLESS.get(error.field, _without_endpoint)(options)
        else:
            break
    return problems


def options_text(options: JoinOptions) -> str:
    """As JSON, for the settings."""
    return msgspec.json.encode(options).decode()


def options_from(text: str) -> JoinOptions:
    """What `options_text` gave; the defaults for anything else."""
    try:
        return msgspec.json.decode(text, type=JoinOptions).check()
    except (msgspec.MsgspecError, FieldError):
        return JoinOptions()


def defaults_for(role: Role) -> JoinOptions:
    """One click: a viewer watches and listens, a master shows the generated picture and tone."""
    if role is Role.VIEWER:
        return JoinOptions()
    return JoinOptions(role=role, video=Source.GENERATED, audio=Source.GENERATED)


def told(options: JoinOptions) -> str:
    """What differs from one click, in a line: "relay only · sends generated video"; or ""."""
    usual = defaults_for(options.role)
    parts = [
        f"as {options.client_id}" if options.client_id else "",
        str(options.policy) if options.policy is not PathPolicy.ALL else "",
        "TURN URI forced" if options.ice_uri else "",
        *_media(options, usual),
        options.video_codec,
        options.audio_codec,
        "candidates filtered" if (options.send, options.accept) != _NO_FILTERS else "",
        "" if options.trickle else "no trickle",
        "own endpoint" if options.endpoint else "",
        "dual-stack" if options.dual_stack else "",
        "FIPS" if options.fips else "",
        f"sampled every {options.sample_s:g} s" if options.sample_s != usual.sample_s else "",
    ]
    return " · ".join(part for part in parts if part)


def _media(options: JoinOptions, usual: JoinOptions) -> Iterator[str]:
    for what, mine, theirs in (
        ("video", options.video, usual.video),
        ("audio", options.audio, usual.audio),
    ):
        if mine is not theirs:
            yield f"sends no {what}" if mine is Source.NONE else f"sends {mine} {what}"
    for what, wanted in (("video", options.receive_video), ("audio", options.receive_audio)):
        if not wanted:
            yield f"receives no {what}"
    if not options.data_channel:
        yield "no data channel"
