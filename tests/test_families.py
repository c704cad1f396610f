"""What holds for every family of templates, and for all of them in one mapping."""

import collections
import json
import re

import pytest
from families import FAMILIES, TEMPLATES, loaded
from fhir_r4 import assert_valid
from runs import ROOT

from pipeline.mappings import load_mappings
from pipeline.preview import preview
from templates.build import built
from transforms.intake import Intake

OF_THE_MISSION = (
    "google-health",
    "fitbit-legacy",
    "apple-healthkit",
    "apple-health-auto-export",
    "apple-export-xml",
    "garmin-health",
    "withings",
    "omron",
    "ihealth",
    "tenovi",
    "bodytrace",
    "ble-gateway",
    "dexcom",
    "nightscout",
    "librelinkup",
    "libreview",
    "digihaler",
    "inhaler-generic",
    "pulse-oximeter-generic",
    "openmhealth",
    "ieee1752",
    "smart-watch-generic",
    "heart-monitor",
    "glucometer-generic",
    "scale-generic",
    "blood-pressure-cuff-generic",
)

BUILT = built()
"""What `python -m templates.build` would write."""


def test_all_families_are_there():
    assert sorted(FAMILIES) == sorted(OF_THE_MISSION)


@pytest.mark.parametrize(
    "path", sorted(BUILT), ids=lambda p: f"{p.parent.name}/{p.name}"
)
def test_what_is_built_is_built_of_what_is_here(path):
    assert path.read_text() == BUILT[path], "run python -m templates.build"


def previewed(folder, messages, fhir="fhir.json"):
    mappings = loaded(folder, fhir)
    assert mappings.problems == ()
    return preview(mappings, [str(messages)], Intake(), "")


def observations(found):
    """By id, without the tag that names the very mapping."""
    made = [r for r in found.resources if r["resourceType"] == "Observation"]
    for observation in made:
        del observation["meta"]
    return {observation["id"]: observation for observation in made}


def kinds(found):
    """What was measured, as a bag."""
    return collections.Counter(
        (m.type, m.device, m.patient, m.occurred_at, m.values)
        for m in found.measurements
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_no_template_of_others_fires(family):
    """All families in one mapping make of these messages what their own makes."""
    messages = TEMPLATES / family / "messages.ndjson"
    alone = previewed(TEMPLATES / family, messages)
    together = previewed(TEMPLATES / "all", messages)
    assert kinds(together) == kinds(alone)
    assert observations(together) == observations(alone)
    assert together.dead_letters == []


@pytest.mark.parametrize("family", FAMILIES)
def test_every_template_is_shown_at_work(family, tmp_path):
    """By a mapping that says of each measurement which template it is of."""
    device = json.loads((TEMPLATES / family / "device.json").read_text())
    named = {
        **device,
        "template": [
            {**each, "template": {**each["template"], "typeName": f"t{number}"}}
            for number, each in enumerate(device["template"])
        ],
    }
    path = tmp_path / "device.json"
    path.write_text(json.dumps(named))
    messages = TEMPLATES / family / "messages.ndjson"
    found = preview(load_mappings(path, None), [str(messages)], Intake(), "")
    fired = {measurement.type for measurement in found.measurements}
    idle = {each["template"]["typeName"] for each in named["template"]} - fired
    assert idle == set()


@pytest.mark.parametrize("family", FAMILIES)
def test_hourly_means_are_one_observation_an_hour(family):
    folder = TEMPLATES / family
    if not (folder / "fhir-hourly-mean.json").exists():
        assert "heart_rate" not in (folder / "fhir.json").read_text()
        return
    found = previewed(folder, folder / "messages.ndjson", "fhir-hourly-mean.json")
    assert found.dead_letters == []
    hours = collections.Counter(
        (
            o["subject"]["reference"],
            o["device"]["reference"],
            o["effectiveDateTime"][:13],
        )
        for o in observations(found).values()
        if o["code"]["text"] == "heart_rate"
    )
    assert hours
    assert set(hours.values()) == {1}


@pytest.mark.parametrize("family", FAMILIES)
def test_observations_are_valid(family):
    for line in (TEMPLATES / family / "observations.ndjson").read_text().splitlines():
        assert_valid(json.loads(line))


@pytest.mark.parametrize("family", FAMILIES)
def test_readme_tells_what_a_user_needs(family):
    told = (TEMPLATES / family / "README.md").read_text()
    assert told.startswith("# ")
    assert f"templates/{family}" in told
    assert "http" in told, "where the shape comes from"
    fhir = json.loads((TEMPLATES / family / "fhir.json").read_text())
    types = {entry["template"]["typeName"] for entry in fhir["template"]}
    assert {name for name in types if f"`{name}`" not in told} == set()


def test_every_type_of_the_catalogue_is_used():
    catalogue = json.loads((TEMPLATES / "catalogue.json").read_text())
    everything = json.loads((TEMPLATES / "all" / "fhir.json").read_text())
    assert names(everything) == names(catalogue)


def names(fhir):
    return [entry["template"]["typeName"] for entry in fhir["template"]]


def test_the_readme_names_every_family():
    told = (ROOT / "README.md").read_text()
    linked = set(re.findall(r"\(templates/([\w-]+)", told))
    assert set(FAMILIES) - linked == set()


def test_every_template_names_what_its_messages_hold():
    """Else it would be evaluated on the messages of all other families, too."""
    templates = loaded(TEMPLATES / "all").device.templates
    assert [each.location for each in templates if not each.gates] == []
