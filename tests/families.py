"""Runs the mapping of a family over messages, and says in short what comes out."""

import functools
import json

from runs import ROOT

from pipeline.mappings import load_mappings
from pipeline.preview import preview
from templates.build import families
from transforms.intake import Intake

TEMPLATES = ROOT / "templates"

FAMILIES = tuple(folder.name for folder in families())


def made(family, *messages, tmp_path, fhir="fhir.json"):
    """What a family makes of messages.

    Args:
        family: name of its folder in `templates/`.
        messages: documents, or bytes as they are.
        tmp_path: for the file they are read from.
        fhir: the FHIR mapping, if it is not the usual one.

    Returns:
        The Observations by time, each as `brief` has it; and the errors of the dead
        letters.
    """
    found = previewed(family, *messages, tmp_path=tmp_path, fhir=fhir)
    briefs = [brief(r) for r in found.resources if r["resourceType"] == "Observation"]
    return briefs, [(letter.error, letter.message) for letter in found.dead_letters]


@functools.lru_cache
def loaded(folder, fhir="fhir.json"):
    """The mappings of a folder; to compile hundreds of templates takes seconds."""
    return load_mappings(folder / "device.json", folder / fhir)


def previewed(family, *messages, tmp_path, fhir="fhir.json"):
    """The whole preview of some messages."""
    mappings = loaded(TEMPLATES / family, fhir)
    lines = [m if isinstance(m, bytes) else json.dumps(m).encode() for m in messages]
    path = tmp_path / "messages.ndjson"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return preview(mappings, [str(path)], Intake(), "")


def brief(observation):
    """(type, time, value or components): `("heart_rate", "2026-…Z", 64)`.

    The time is the `effectiveDateTime`, or (start, end) of the `effectivePeriod`. A
    value is a number, `"<40"` with a comparator, `"?error"` if it is absent, or a text;
    of components it is a dict by name.
    """
    period = observation.get("effectivePeriod")
    time = observation.get("effectiveDateTime") or (period["start"], period["end"])
    parts = {
        part["code"]["text"]: _value(part) for part in observation.get("component", ())
    }
    value = _value(observation)
    told = {**({} if value is None else {"": value}), **parts} if parts else value
    return observation["code"]["text"], time, told


def _value(node):
    if quantity := node.get("valueQuantity"):
        number = quantity["value"]
        comparator = quantity.get("comparator", "")
        return f"{comparator}{number}" if comparator else number
    if absent := node.get("dataAbsentReason"):
        return f"?{absent['coding'][0]['code']}"
    return node.get("valueString")
