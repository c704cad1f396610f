"""How mapping files are read."""

import dataclasses
import pickle

import pytest

from transforms.rules import MEDTECH, USUAL, Rules, zone_of


@pytest.mark.parametrize(
    ("rules", "tag"),
    [
        (USUAL, ""),
        (MEDTECH, "medtech"),
        (Rules(zoneless="reject"), ""),
        (Rules(zoneless="utc"), "zoneless=utc"),
        (Rules(medtech=True, zoneless="utc"), "medtech"),
        (Rules(medtech=True, zoneless="reject"), "medtech,zoneless=reject"),
        (Rules(medtech=True, zoneless="Europe/Paris"), "medtech,zoneless=Europe/Paris"),
    ],
)
@pytest.mark.parametrize("units", [None, "reject", "flag", "pass"])
def test_rules_that_change_results_have_a_tag(rules, tag, units):
    rules = dataclasses.replace(rules, units=units)
    policy = [] if units is None else [f"units={units}"]
    assert rules.tag == ",".join(filter(None, [tag, *policy]))
    # What a store holds to depends on times and ids alone.
    assert rules.store_tag == tag
    assert pickle.loads(pickle.dumps(rules)) == rules  # noqa: S301 - our own bytes


def test_zones():
    assert zone_of("reject") is None
    assert zone_of("Reject") is None
    assert zone_of("UTC").key == "UTC"
    assert zone_of("Europe/Paris").key == "Europe/Paris"


@pytest.mark.parametrize("name", ["Europe/Pariss", "", "+02:00", "../etc", "a\0b"])
def test_no_zone(name):
    with pytest.raises(ValueError, match="neither reject, utc nor an IANA"):
        zone_of(name)
