"""Regions as botocore ships them."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from peerdeck.core.fields import TextRule
from peerdeck.core.region import Region

# A host name label: botocore refuses anything else, since the name becomes part of one.
REGION_NAME = TextRule(
    field="Region",
    pattern=re.compile(r"(?!-)[a-z0-9-]+(?<!-)"),
    words="must look like eu-west-1.",
    maximum=63,
    required=True,
)


@lru_cache(maxsize=1)
def regions() -> tuple[Region, ...]:
    """Regions with Kinesis Video Streams, of every partition, sorted by name.

    Reads botocore's data files: 60 ms and botocore's import the first time, so call it on a thread.
    """
    import botocore.session

    session = botocore.session.Session()
    names = [
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("kinesisvideo", partition)
    ]
    return tuple(region_named(name) for name in sorted(names))


@lru_cache(maxsize=256)
def region_named(name: str) -> Region:
    """Any region, also one that nobody has listed yet: botocore guesses the partition by its form.

    Raises FieldError where the text cannot be a region's name. Blocks like `regions()`.
    """
    REGION_NAME.check(name)
    for partition in _partitions():
        listed = partition["regions"].get(name)
        if listed is not None or re.fullmatch(partition["regionRegex"], name):
            return Region(
                name=name,
                description=(listed or {}).get("description", name),
                partition=partition["partition"],
                dns_suffix=partition["dnsSuffix"],
                dual_stack_suffix=_dual_stack_suffix(partition),
            )
    return Region(name, name)


def has_fips(region: str, service: str = "kinesisvideo") -> bool:
    """Whether botocore knows of a FIPS endpoint there; it makes up a name for any region."""
    for partition in _partitions():
        found = partition["services"].get(service, {}).get("endpoints", {}).get(region, {})
        if any("fips" in variant["tags"] for variant in found.get("variants", ())):
            return True
    return False


def _dual_stack_suffix(partition: Mapping[str, Any]) -> str:
    for variant in partition.get("defaults", {}).get("variants", ()):
        if variant["tags"] == ["dualstack"]:
            return str(variant.get("dnsSuffix", ""))
    return ""


@lru_cache(maxsize=1)
def _partitions() -> list[dict[str, Any]]:
    import botocore.session

    data = botocore.session.Session().get_component("data_loader").load_data("endpoints")
    partitions: list[dict[str, Any]] = data["partitions"]
    return partitions
