"""The conformance corpus: what mapping files mean, case by case.

Each case states a rule of the mapping language in words and proves it with a mapping,
messages and everything `preview` must print. See `conformance.py` for the files.
"""

import json

import pytest
from conformance import (
    MAPPINGS,
    MISTAKES,
    MODES,
    SERVICE,
    arguments,
    comparable,
    read_lines,
    runs,
    sha256,
    title,
    unexplained,
)
from fhir_r4 import assert_valid

from pipeline.__main__ import main

CASES = sorted(MAPPINGS.iterdir())
WRONG = sorted(MISTAKES.iterdir())


@pytest.mark.parametrize(
    ("folder", "mode"),
    [
        pytest.param(folder, mode, id=f"{folder.name}{mode and '-'}{mode}")
        for folder, mode in runs()
    ],
)
def test_preview_prints_what_the_mapping_language_says(capfd, folder, mode):
    expected = read_lines(folder / MODES[mode])
    status = main(arguments(folder, mode))
    out, err = capfd.readouterr()
    found = comparable([json.loads(line) for line in out.splitlines()], expected)
    assert found == expected, f"{title(folder)}\n{err}"
    has_letters = any(line["kind"] == "dead_letter" for line in expected)
    assert status == (1 if has_letters else 0)


@pytest.mark.parametrize("folder", WRONG, ids=lambda folder: folder.name)
def test_check_finds_every_mistake_of_a_mapping_in_one_pass(capfd, folder):
    files = [
        f"--{kind}_mapping={folder / kind}.json"
        for kind in ("device", "fhir")
        if (folder / f"{kind}.json").exists()
    ]
    expected = read_lines(folder / "expected.jsonl")
    status = main(["check", *files, "--format=jsonl"])
    out, _ = capfd.readouterr()
    found = [json.loads(line) for line in out.splitlines()]
    more, missing = unexplained(found, expected)
    assert (more, missing) == ([], []), title(folder)
    places = [(one["file"], one["line"], one["column"]) for one in found]
    assert places == sorted(places)
    assert status == (1 if any(e["severity"] == "error" for e in expected) else 0)


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_golden_ids_are_what_the_formula_gives(folder):
    """Of the files alone; that it is MedTech's formula, the next test shows."""
    for path in folder.glob("expected*.jsonl"):
        for line in read_lines(path):
            resource = line.get("resource")
            if resource is None:
                continue
            if resource["resourceType"] != "Observation":
                (identifier,) = resource["identifier"]
                assert resource["id"] == sha256(f"_{identifier['value']}")
                continue
            identifier = resource["identifier"][0]
            assert identifier["system"] == SERVICE
            assert resource["id"] == sha256(f"{SERVICE}_{identifier['value']}")
            patient, device, rest = identifier["value"].split(".", 2)
            assert resource["subject"] == {"reference": f"Patient/{patient}"}
            assert resource["device"] == {"reference": f"Device/{device}"}
            assert rest.startswith(f"{resource['code']['text']}.")


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_golden_resources_are_valid_r4(folder):
    for path in folder.glob("expected*.jsonl"):
        for line in read_lines(path):
            if line["kind"] == "resource":
                assert_valid(line["resource"])


def test_the_formula_of_ids_has_not_changed():
    hour = "patientId.deviceId.heartrate.20190101000000Z.20190101005959Z"
    assert sha256(f"{SERVICE}_{hour}") == (
        "127aeff043da8c8e1f6d6f37bce384eb01aee4664f10f8ee565a2e7196bf889f"
    )


def test_every_case_has_a_rule_of_its_own_and_an_expectation():
    titles = [title(folder) for folder in CASES]
    assert len(set(titles)) == len(titles)
    assert {folder for folder, _ in runs()} == set(CASES)
    assert all((folder / "expected.jsonl").exists() for folder in WRONG)
