"""Every resource that the program makes is valid FHIR R4 for those who decide it.

The judges are HL7's validator, which holds vital signs to their profiles, and the
validation of a real server. What may be invalid stands in `allowances.py`.
"""

import json
import re
from collections import defaultdict

import pytest
from allowances import (
    ALLOWED,
    ALLOWED_IN_R4,
    CATEGORY,
    PERIOD,
    Allowance,
    Issue,
    unexpected,
)
from made import everything
from servers import HapiServer


def test_what_no_allowance_expects_and_what_nothing_needs_is_told():
    of_medtech = Allowance("", ("a", "b/*"), ("no value", "no unit"), "medtech")
    expected = [
        Issue("a", "medtech", "value", "no value at all"),
        Issue("b/c", "medtech", "value", "no unit"),
    ]
    others = [
        Issue("a", "", "value", "no value at all"),
        Issue("b", "medtech", "value", "no unit"),
        Issue("a", "medtech", "value", "not a value"),
    ]
    assert unexpected([*expected, *others], [of_medtech]) == (
        others,
        [("a", "no unit"), ("b/*", "no value")],
    )


@pytest.fixture(scope="module")
def made(java, tmp_path_factory):
    """All resources, by their JSON: where each comes from."""
    origins = defaultdict(list)
    for one in everything(tmp_path_factory.mktemp("made")):
        origins[one.text].append((one.source, one.mode))
    return dict(origins)


def heart_rate(**changes):
    """A valid Observation with changes; None removes a member."""
    vital = {"code": "vital-signs", "system": f"{HL7}/observation-category"}
    whole = {
        "resourceType": "Observation",
        "id": "broken",
        "status": "final",
        "category": [{"coding": [vital]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-03-01T07:14:55Z",
        "valueQuantity": quantity(72, "/min"),
        **changes,
    }
    return {name: member for name, member in whole.items() if member is not None}


def quantity(value, unit):
    ucum = "http://unitsofmeasure.org"
    return {"value": value, "unit": unit, "system": ucum, "code": unit}


HL7 = "http://terminology.hl7.org/CodeSystem"
INSTANT = {"start": "2026-03-01T07:14:55Z", "end": "2026-03-01T07:14:55Z"}
OXIMETER = {"coding": [{"system": "http://loinc.org", "code": "59408-5"}]}

BROKEN = {
    "a unit that is not the heart rate's": (
        heart_rate(valueQuantity=quantity(72, "{beats}/min")),
        {"Value is '{beats}/min' but is fixed to '/min'"},
    ),
    "a vital sign told by a period": (
        heart_rate(effectiveDateTime=None, effectivePeriod=INSTANT),
        {PERIOD},
    ),
    "a vital sign without category": (heart_rate(category=None), {*CATEGORY}),
    "a saturation that only says it is an oximeter's": (
        heart_rate(code=OXIMETER, valueQuantity=quantity(98, "%")),
        {"OxygenSatCode: magic LOINC code 2708-6 required, but not found"},
    ),
    "a unit that UCUM does not know": (
        heart_rate(
            category=None,
            code={"text": "speed"},
            valueQuantity=quantity(5, "km/hour"),
        ),
        {"Error processing unit 'km/hour'"},
    ),
    "no status": (
        heart_rate(status=None),
        {"Observation.status: minimum required = 1, but only found 0"},
    ),
    "nothing at all": (heart_rate(), set()),
}
"""What must be found: judges that find nothing prove nothing."""


@pytest.fixture(scope="module")
def verdicts(made, validator):
    """HL7's errors of all that is made and of what is broken, by JSON: one run."""
    texts = [*made, *(json.dumps(resource) for resource, _ in BROKEN.values())]
    found = defaultdict(list)
    for issue in validator(texts):
        found[texts[issue["index"]]].append(issue)
    return found


def test_hl7s_validator_accepts_every_resource(made, verdicts):
    issues = [
        Issue(*origin, issue["location"], issue["message"])
        for text, origins in made.items()
        for issue in verdicts[text]
        for origin in origins
    ]
    assert unexpected(issues, ALLOWED) == ([], [])


@pytest.mark.parametrize("name", BROKEN)
def test_hl7s_validator_refuses_what_is_broken(name, verdicts):
    resource, expected = BROKEN[name]
    messages = [issue["message"] for issue in verdicts[json.dumps(resource)]]
    for start in expected:
        assert [one for one in messages if one.startswith(start)], messages
    assert bool(messages) is bool(expected)


# The server's own validation.


@pytest.fixture(scope="module")
def judge(verdicts, tmp_path_factory):
    """A server that validates, started when the validator has ended: both are heavy."""
    with HapiServer.start(tmp_path_factory.mktemp("judge"), validate=True) as server:
        yield server


MOST = 100
"""Entries of a transaction."""


def batches(texts):
    """Resources in batches, those first that others name.

    No transaction may hold an id twice: what another mode or case makes of the same
    reading goes under an id of its own.
    """
    rank = {"Patient": 0, "Device": 1}
    seen = set()
    resources = []
    for text in texts:
        resource = json.loads(text)
        key = resource["resourceType"], resource["id"]
        if key in seen:
            resource["id"] = f"again-{len(resources)}"
        seen.add(key)
        resources.append((text, resource))
    resources.sort(key=lambda pair: rank.get(pair[1]["resourceType"], 2))
    for start in range(0, len(resources), MOST):
        yield resources[start : start + MOST]


def shells(texts):
    """A resource for each reference that leads to none of the given ones."""
    resources = [json.loads(text) for text in texts]
    there = {f"{one['resourceType']}/{one['id']}" for one in resources}
    named = {name for text in texts for name in re.findall(_REFERENCE, text)}
    for name in sorted(named - there):
        resource_type, _, resource_id = name.partition("/")
        yield json.dumps({"resourceType": resource_type, "id": resource_id})


_REFERENCE = r'"reference": ?"([A-Za-z]+/[^"]+)"'


def send(server, batch):
    """Puts a batch; returns the issues of each entry that the server finds invalid.

    One that is invalid makes it refuse the whole batch, and the others are put again.
    """
    answer = server.post("", _bundle(server, [resource for _, resource in batch]))
    issues = defaultdict(list)
    if answer.status_code == 422:
        for issue in answer.json()["issue"]:
            if issue["severity"] in ("error", "fatal"):
                path = issue["location"][0]
                entry = int(re.match(r"Bundle\.entry\[(\d+)\]", path)[1])
                issues[batch[entry][0]].append((path, issue["diagnostics"]))
        batch = [pair for pair in batch if pair[0] not in issues]
        if not batch:
            return issues
        answer = server.post("", _bundle(server, [resource for _, resource in batch]))
    assert answer.status_code == 200, answer.text
    for (text, _), entry in zip(batch, answer.json()["entry"], strict=True):
        if entry["response"]["status"][:3] not in ("200", "201"):
            issues[text].append(("", json.dumps(entry["response"])))
    return issues


def _bundle(server, resources):
    """A transaction of PUTs; without `fullUrl` its references would count as broken."""
    entries = []
    for resource in resources:
        path = f"{resource['resourceType']}/{resource['id']}"
        entries.append(
            {
                "fullUrl": f"{server.base}/{path}",
                "resource": resource,
                "request": {"method": "PUT", "url": path},
            }
        )
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def test_a_server_that_validates_takes_every_resource(made, judge):
    """It looks for no profile: what is no valid vital sign is still an Observation."""
    issues = []
    for batch in batches([*shells(made), *made]):
        for text, found in send(judge, batch).items():
            for origin in made[text]:
                issues += [Issue(*origin, *one) for one in found]
    assert unexpected(issues, ALLOWED_IN_R4) == ([], [])


def test_a_server_that_validates_refuses_what_is_broken(judge):
    broken = heart_rate(status=None)
    answer = judge.put(broken)
    assert answer.status_code == 422
    (issue,) = [
        one for one in answer.json()["issue"] if one["severity"] in ("error", "fatal")
    ]
    assert issue["diagnostics"].startswith(
        "Observation.status: minimum required = 1, but only found 0"
    )
