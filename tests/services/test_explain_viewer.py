"""What is said of a viewer that could not be served."""

import pytest

from peerdeck.engine.errors import (
    AnswerNotDelivered,
    AnswerUnusable,
    MediaUnusable,
    NoCandidates,
    PeerFailed,
    PeerFailure,
    ThrownOut,
    TooManyViewers,
)
from peerdeck.services.explain_peer import explain_peer
from peerdeck.services.explain_viewer import explain_viewer


@pytest.mark.parametrize("reason", list(PeerFailure))
def test_every_failure_speaks_of_the_viewer_and_not_of_a_camera(reason):
    problem = explain_viewer(PeerFailed(reason, "the evidence"), "front-door")
    assert "viewer" in problem.title
    assert "camera" not in str(problem)
    assert problem.detail == "the evidence"


@pytest.mark.parametrize(
    ("error", "title", "detail"),
    [
        (AnswerUnusable("no codec"), "offer cannot be answered", "no codec"),
        (AnswerNotDelivered("400 Invalid"), "did not reach", "400 Invalid"),
        (TooManyViewers(10), "10 viewers are being served", ""),
        (NoCandidates("the send filter", "2 host"), "the send filter", "2 host"),
    ],
)
def test_each_error_names_cause_and_next_step(error, title, detail):
    problem = explain_viewer(error, "front-door")
    assert title in problem.title
    assert problem.detail == detail
    assert problem.remedy.endswith(".")


def test_being_thrown_out_says_that_the_newest_wins():
    problem = explain_peer(ThrownOut("Replaced by a newer connection"), "front-door")
    assert "newest" in problem.title
    assert "take it back" in problem.remedy
    assert problem.detail == "Replaced by a newer connection"


def test_a_file_that_cannot_be_sent_is_named():
    problem = explain_peer(MediaUnusable("/a.mp4", "no such file or directory"), "front-door")
    assert "no such file" in problem.title
    assert problem.detail == "/a.mp4"
