import pickle

import pytest

from peerdeck.core.secret import Secret


def test_text_shows_only_when_revealed():
    secret = Secret("AQGA-token")
    assert secret.reveal() == "AQGA-token"
    assert "AQGA" not in f"{secret!r} {secret} {[secret]} {secret!s:>20}"


def test_absent_secret_is_false():
    assert not Secret("")
    assert Secret("x")


def test_is_not_pickled():
    with pytest.raises(TypeError):
        pickle.dumps(Secret("AQGA-token"))


def test_equal_texts_are_equal_secrets():
    assert Secret("a") == Secret("a") != Secret("b")
