"""Every folder of templates/ loads without a finding and makes what it promises."""

import json

import pytest
from runs import ROOT

from pipeline.mappings import load_mappings
from pipeline.preview import preview
from templates.build import ALL
from transforms.intake import Intake

FOLDERS = [path.parent for path in sorted((ROOT / "templates").glob("*/device.json"))]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_template_has_no_findings(folder):
    assert load_mappings(folder / "device.json", folder / "fhir.json").problems == ()


@pytest.mark.parametrize(
    "folder", [f for f in FOLDERS if f.name != ALL], ids=lambda folder: folder.name
)
def test_template_makes_the_observations_beside_it(folder):
    mappings = load_mappings(folder / "device.json", folder / "fhir.json")
    found = preview(mappings, [str(folder / "messages.ndjson")], Intake(), "")
    assert found.dead_letters == []
    made = [r for r in found.resources if r["resourceType"] == "Observation"]
    for observation in made:
        del observation["meta"]  # names the very mapping version
    lines = (folder / "observations.ndjson").read_text().splitlines()
    assert made == [json.loads(line) for line in lines]


def test_vital_monitor_is_one_observation_per_heart_rate_and_one_blood_pressure():
    lines = (ROOT / "templates/vital-monitor/observations.ndjson").read_text()
    codes = [
        json.loads(line)["code"]["coding"][0]["code"] for line in lines.splitlines()
    ]
    assert sorted(codes) == ["85354-9", *["8867-4"] * 7]
