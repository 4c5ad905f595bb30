"""How far the loading of something has come."""

from enum import StrEnum


class Status(StrEnum):
    """FAILED with data still there means stale: show the old, with its age and the problem."""

    IDLE = "idle"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
