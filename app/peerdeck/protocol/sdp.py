"""Session descriptions as text: sections, candidates, codec order, answers made to fit.

Lines keep their text; nothing here knows what a codec or a fingerprint means. Source: RFC 8866, RFC
8839 (candidates), RFC 8843 (bundling), RFC 3264 §6 (a rejected section has port 0).
"""

import re
from collections.abc import Iterable, Sequence

from peerdeck.protocol.signaling import ProtocolError

_CANDIDATE = "a=candidate:"
_END = "a=end-of-candidates"
# What an answering end says of its transport; a rejected section may lack it.
_TRANSPORT = ("a=ice-ufrag:", "a=ice-pwd:", "a=ice-options:", "a=fingerprint:", "a=setup:")
_DIRECTIONS = ("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive")
_MEDIA = re.compile(r"m=(\S+) (\d+)(?:/\d+)? (\S+)(?: (.*))?")


class Section:
    """One m= section: its lines, the first of which is the m= line."""

    def __init__(self, lines: Sequence[str]) -> None:
        match = _MEDIA.fullmatch(lines[0])
        if match is None:
            raise ProtocolError(f"unreadable media line {lines[0][:60]!r}")
        self.lines = list(lines)
        self.kind = match[1]
        self.port = int(match[2])
        self.profile = match[3]
        self.formats = (match[4] or "").split()

    @property
    def mid(self) -> str:
        """ "" where the section has none."""
        return next((x.removeprefix("a=mid:") for x in self.lines if x.startswith("a=mid:")), "")

    @property
    def is_rejected(self) -> bool:
        """Port 0; a bundle-only section of an offer has it, too (RFC 8843 §6)."""
        return self.port == 0 and "a=bundle-only" not in self.lines


def sections(sdp: str) -> tuple[list[str], list[Section]]:
    """The session's own lines, and the media sections. Raises ProtocolError."""
    session: list[str] = []
    media: list[list[str]] = []
    for line in sdp.splitlines():
        if line.startswith("m="):
            media.append([line])
        elif line:
            (media[-1] if media else session).append(line)
    return session, [Section(lines) for lines in media]


_KINDS = frozenset({"audio", "video", "application"})


def check_sections(sdp: str) -> None:
    """Raises ProtocolError for an offer whose sections are unknown or cannot be told apart.

    Every section has a mid of its own (RFC 8866 §9.7, RFC 5888 §5), and a bundle names sections
    that are there (RFC 8843 §7.2).
    """
    session, media = sections(sdp)
    if not media:
        raise ProtocolError("the offer has no section")
    for section in media:
        if section.kind not in _KINDS:
            raise ProtocolError(f"a section of the unknown kind {section.kind[:20]!r}")
    mids = [line[6:] for section in media for line in section.lines if line.startswith("a=mid:")]
    each = all(section.mid for section in media) or (len(media) == 1 and not mids)
    if not each or len(mids) > len(media) or len(set(mids)) < len(mids):
        raise ProtocolError("sections without a mid of their own")
    bundles = [set(line.split()[1:]) for line in session if line.startswith("a=group:BUNDLE")]
    named = set().union(*bundles)
    if named - set(mids):
        raise ProtocolError(f"a bundle of sections that are not there: {sorted(named - set(mids))}")


def text(session: Iterable[str], media: Iterable[Section]) -> str:
    lines = [*session, *(line for section in media for line in section.lines)]
    return "\r\n".join(lines) + "\r\n"


def take_candidates(sdp: str) -> tuple[str, tuple[str, ...], bool]:
    """(SDP without candidates, each candidate once and without prefix, whether they are all)."""
    kept: list[str] = []
    found: dict[str, None] = {}
    complete = False
    for line in sdp.splitlines():
        if line.startswith(_CANDIDATE):
            found[line.removeprefix(_CANDIDATE)] = None
        elif line == _END:
            complete = True
        elif line:
            kept.append(line)
    return "\r\n".join(kept) + "\r\n", tuple(found), complete


def put_candidates(sdp: str, candidates: Iterable[str]) -> str:
    """Into the first section, with which the others are bundled; addresses elsewhere go.

    The m= and c= lines otherwise show the first candidate, which a filter may hold back.
    """
    session, media = sections(sdp)
    for section in media:
        head = re.sub(r"^(m=\S+) \d+", r"\1 9", section.lines[0])
        rest = ["c=IN IP4 0.0.0.0" if x.startswith("c=") else x for x in section.lines[1:]]
        section.lines = [head, *rest]
    if media:
        media[0].lines += [_CANDIDATE + candidate for candidate in candidates]
    return text(session, media)


def prefer_codec(sdp: str, kind: str, name: str) -> str:
    """Puts the formats of codec `name` first in each m= line of that kind; "" changes nothing."""
    if not name:
        return sdp
    session, media = sections(sdp)
    for section in media:
        first = [x for x in section.formats if _codec_name(section, x) == name.lower()]
        if section.kind == kind and first and not section.is_rejected:
            formats = [*first, *(x for x in section.formats if x not in first)]
            head = section.lines[0].rsplit(section.profile, 1)[0]
            section.lines[0] = f"{head}{section.profile} {' '.join(formats)}"
            section.lines[1:] = _in_order(section.lines[1:], formats)
    return text(session, media)


def fit_answer(offer: str, answer: str) -> str:
    """The answer with a section for each of the offer's, in its order, all in one bundle.

    aiortc knows no rejected section: each (port 0, or left out) becomes an inactive one over the
    transport of an accepted one. Raises ProtocolError where nothing is accepted.
    """
    _, offered = sections(offer)
    session, answered = sections(answer)
    accepted = [section for section in answered if not section.is_rejected]
    if not accepted:
        raise ProtocolError("the answer accepts nothing that was offered")
    fitted = []
    for index, section in enumerate(offered):
        found = _answer_to(section, index, answered)
        if found is None or found.is_rejected:
            found = _inactive(section, accepted[0])
        elif not found.mid:
            found.lines.append(f"a=mid:{section.mid}")
        fitted.append(found)
    bundle = "a=group:BUNDLE " + " ".join(section.mid for section in offered)
    session = [line for line in session if not line.startswith("a=group:BUNDLE")]
    return text([*session, bundle], fitted)


def rejected(offer: str, answer: str) -> tuple[str, ...]:
    """Kinds ("audio", "video", "application") that were offered and not accepted."""
    _, offered = sections(offer)
    _, answered = sections(answer)
    found = [(x, _answer_to(x, index, answered)) for index, x in enumerate(offered)]
    return tuple(x.kind for x, answered in found if answered is None or answered.is_rejected)


def _answer_to(offered: Section, index: int, answered: Sequence[Section]) -> Section | None:
    for section in answered:
        if section.mid and section.mid == offered.mid and section.kind == offered.kind:
            return section
    if index < len(answered) and answered[index].kind == offered.kind and not answered[index].mid:
        return answered[index]
    return None


def _inactive(offered: Section, donor: Section) -> Section:
    """What was offered, over the answering end's transport, with nothing flowing either way."""
    lines = [
        line
        for line in offered.lines
        if not line.startswith((*_TRANSPORT, _CANDIDATE, "a=ssrc", "a=msid:", "c="))
        and line not in {_END, *_DIRECTIONS}
    ]
    lines.append("a=inactive")
    lines += [line for line in donor.lines if line.startswith(_TRANSPORT)]
    return Section(lines)


def _codec_name(section: Section, format_: str) -> str:
    prefix = f"a=rtpmap:{format_} "
    names = (x.removeprefix(prefix) for x in section.lines if x.startswith(prefix))
    return next(names, "").split("/")[0].lower()


def _in_order(lines: Sequence[str], formats: Sequence[str]) -> list[str]:
    """aiortc takes the order of the rtpmap lines for that of the codecs."""
    maps: dict[str, str] = {}
    for line in lines:
        if line.startswith("a=rtpmap:"):
            maps[line.removeprefix("a=rtpmap:").split()[0]] = line
    ordered = [maps[x] for x in formats if x in maps]
    place = next((i for i, line in enumerate(lines) if line.startswith("a=rtpmap:")), len(lines))
    rest = [line for line in lines if line not in ordered]
    place -= sum(line in ordered for line in lines[:place])
    return [*rest[:place], *ordered, *rest[place:]]
