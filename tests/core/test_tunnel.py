import pytest

from peerdeck.core.errors import FieldError
from peerdeck.core.tunnel import TunnelRequest


@pytest.mark.parametrize(
    ("fields", "field", "rule"),
    [
        ({"thing": "pump 07", "services": ("SSH",)}, "Thing", "letters"),
        ({"thing": "p" * 129, "services": ("SSH",)}, "Thing", "1 to 128"),
        ({"thing": "pump-07"}, "Services", "at least one"),
        ({"services": ("A", "B", "C", "D")}, "Services", "at most 3"),
        ({"services": ("A", "A")}, "Services", "once"),
        ({"services": ("",)}, "Service", "required"),
        ({"services": ("a/b",)}, "Service", "letters"),
        ({"description": "x" * 2049}, "Description", "2048"),
        ({"description": "two\nlines"}, "Description", "control"),
        ({"tags": {"": "x"}}, "Tag key", "required"),
        ({"tags": {"k": "<x>"}}, "Tag value", "letters"),
        ({"tags": {"k" * 129: ""}}, "Tag key", "128"),
        ({"lifetime_min": 0}, "Lifetime", "1 to 720"),
        ({"lifetime_min": 721}, "Lifetime", "1 to 720"),
    ],
)
def test_broken_rule_is_named(fields, field, rule):
    with pytest.raises(FieldError, match=rule) as caught:
        TunnelRequest(**fields).check()
    assert caught.value.field == field


def test_bounds_are_allowed():
    TunnelRequest(
        thing="p" * 128,
        services=("SSH", "HTTP:1", "a_b-c"),
        description="Häuser im Süden, Pumpe 7 – Test",
        tags={"Ort": "Köln Süd", "k" * 128: "v" * 256, "url": "a/b:c=d@e+f"},
        lifetime_min=720,
    ).check()
    TunnelRequest(lifetime_min=1).check()
