"""The conformance corpus: small mappings and messages with what must come of them.

`data/mappings/<case>/` holds `case.json` (its title says which rule the case proves),
`device.json`, perhaps `fhir.json`, the messages, and what `preview --format=jsonl` must
print: `expected.jsonl`, and `expected.medtech.jsonl` with `--compat=medtech`. Golden
ids were computed from the formula, not by this program.

`data/mappings_invalid/<case>/` holds `device.json` or `fhir.json` or both, and what
`check --format=jsonl` must find: `expected.jsonl`.
"""

import hashlib
import json
from pathlib import Path

DATA = Path(__file__).parent / "data"
MAPPINGS = DATA / "mappings"
MISTAKES = DATA / "mappings_invalid"

SERVICE = "https://azure.microsoft.com/en-us/services/iomt-fhir-connector/"
"""System of the identifiers, and part of what the ids are hashes of."""

MODES = {"": "expected.jsonl", "medtech": "expected.medtech.jsonl"}
"""What must be printed, by the value of `--compat`."""


def runs():
    """Every case in each mode that it has an expectation for."""
    return [
        (folder, mode)
        for folder in sorted(MAPPINGS.iterdir())
        for mode, name in MODES.items()
        if (folder / name).exists()
    ]


def title(folder):
    """The rule that a case proves, in words."""
    return json.loads((folder / "case.json").read_text())["title"]


def read_lines(path):
    """The documents of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def arguments(folder, mode):
    """The command line that previews a case."""
    (messages,) = folder.glob("messages.*")
    fhir = folder / "fhir.json"
    return [
        "preview",
        f"--device_mapping={folder / 'device.json'}",
        *([f"--fhir_mapping={fhir}"] if fhir.exists() else []),
        f"--messages={messages}",
        "--format=jsonl",
        *([f"--compat={mode}"] if mode else []),
    ]


def comparable(printed, expected):
    """What was printed, without what the corpus leaves open.

    Left open are the `source` of measurements, the `meta` of resources, Patients and
    Devices where a case names none, and of dead letters all but what the expected line
    in its place names.
    """
    letters = iter([line for line in expected if line["kind"] == "dead_letter"])
    shells = {_type(line) for line in expected} & {"Patient", "Device"}
    found = []
    for line in printed:
        if line["kind"] == "measurement":
            found.append(_without(line, "source"))
        elif line["kind"] == "dead_letter":
            names = next(letters, {"kind", "error", "type", "stage", "message"})
            found.append({name: line[name] for name in line if name in names})
        elif shells or _type(line) not in ("Patient", "Device"):
            resource = _without(line["resource"], "meta")
            found.append({"kind": "resource", "resource": resource})
    return found


def _type(line):
    return line.get("resource", {}).get("resourceType")


def _without(document, name):
    return {key: value for key, value in document.items() if key != name}


def unexplained(found, expected):
    """What was found and not expected, and what was expected and not found.

    An expected finding names severity, line and a part of the message, perhaps file,
    column, code and a part of the suggestion. Findings of one place may come in any
    order.
    """
    missing, left = [], list(found)
    for wanted in expected:
        fitting = next((one for one in left if _fits(one, wanted)), None)
        if fitting is None:
            missing.append(wanted)
        else:
            left.remove(fitting)
    return left, missing


def _fits(finding, wanted):
    for name, value in wanted.items():
        if name in ("message", "suggestion"):
            if value.lower() not in finding[name].lower():
                return False
        elif name == "file":
            if Path(finding[name]).name != value:
                return False
        elif finding[name] != value:
            return False
    return True


def sha256(text):
    """An id as MedTech makes it: lower-case hexadecimal SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()
