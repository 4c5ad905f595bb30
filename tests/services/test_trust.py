"""A bundle of authorities is read once, and again when it was changed."""

from pathlib import Path

import pytest

from peerdeck.core.errors import UserError
from peerdeck.localcloud.authority import CERTIFICATE_FILE, Authority
from peerdeck.services.trust import trusted


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    Authority.kept_in(tmp_path / "one")
    return tmp_path / "one" / CERTIFICATE_FILE


async def test_unchanged_bundle_is_read_once(bundle):
    assert await trusted(str(bundle)) is await trusted(str(bundle))


async def test_changed_bundle_is_read_again(bundle, tmp_path):
    before = await trusted(str(bundle))
    Authority.kept_in(tmp_path / "other")
    bundle.write_text(bundle.read_text() + (tmp_path / "other" / CERTIFICATE_FILE).read_text())
    after = await trusted(str(bundle))
    assert after is not before
    assert len(after.get_ca_certs()) == len(before.get_ca_certs()) + 1


async def test_directory_with_another_file_is_read_again(bundle, tmp_path):
    for key in bundle.parent.glob("*key*"):
        key.unlink()
    before = await trusted(str(bundle.parent))
    Authority.kept_in(tmp_path / "other")
    (bundle.parent / "other.pem").write_text((tmp_path / "other" / CERTIFICATE_FILE).read_text())
    after = await trusted(str(bundle.parent))
    assert len(after.get_ca_certs()) == len(before.get_ca_certs()) + 1


async def test_bundle_that_came_to_be_good_is_used(tmp_path, bundle):
    file = tmp_path / "late.pem"
    for text in (None, "no certificate"):
        if text:
            file.write_text(text)
        with pytest.raises(UserError, match=r"late\.pem"):
            await trusted(str(file))
    file.write_text(bundle.read_text())
    assert await trusted(str(file)) is not None
