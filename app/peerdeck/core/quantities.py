"""Numbers as people read them; never more digits than mean something."""


def bytes_text(count: float) -> str:
    """840 → "840 B", 3_100_000 → "3.1 MB" (powers of 1000, as rates are quoted)."""
    return _scaled(count, ("B", "kB", "MB", "GB", "TB"))


def rate_text(bytes_per_s: float) -> str:
    """3_100_000 → "3.1 MB/s"."""
    return f"{bytes_text(bytes_per_s)}/s"


def bitrate_text(bits_per_s: float) -> str:
    """1_250_000 → "1.3 Mbps"."""
    return _scaled(bits_per_s, ("bps", "kbps", "Mbps", "Gbps"))


def milliseconds_text(ms: float) -> str:
    """0.42 → "0.4 ms", 48.3 → "48 ms", 5210 → "5.2 s"."""
    if ms < 9.95:
        return f"{ms:.1f} ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.1f} s"


def countdown_text(seconds: float) -> str:
    """271 → "4:31", 7322 → "2:02:02"; not below "0:00"."""
    whole = max(0, int(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def age_text(seconds: float) -> str:
    """5 → "just now", 90 → "1 min ago", 260_000 → "3 d ago"."""
    if seconds < 60:
        return "just now"
    for limit, unit_s, unit in ((3600, 60, "min"), (86400, 3600, "h"), (float("inf"), 86400, "d")):
        if seconds < limit:
            return f"{int(seconds // unit_s)} {unit} ago"
    raise AssertionError("unreachable: the last limit is infinite")


def _scaled(value: float, units: tuple[str, ...]) -> str:
    for unit in units[:-1]:
        if abs(value) < (999.5 if unit == units[0] else 999.95):
            return (
                f"{value:.0f} {unit}" if unit == units[0] or value >= 100 else f"{value:.1f} {unit}"
            )
        value /= 1000
    return f"{value:.1f} {units[-1]}"
