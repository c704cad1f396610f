"""Mappings made of the fleet's, to see what a larger or another mapping costs."""

import json
from pathlib import Path
from typing import Any

FLEET = Path(__file__).with_name("fleet")

OTHERS = (
    "respiratoryRate",
    "temperature",
    "glucose",
    "ketones",
    "sleepMinutes",
    "calories",
    "distance",
    "floors",
    "hydration",
    "bodyFat",
    "boneMass",
    "muscleMass",
)
"""Members that no message of the fleet has: 12, then numbered."""


def _other(number: int) -> str:
    turn, place = divmod(number, len(OTHERS))
    return f"{OTHERS[place]}{turn or ''}"


def _read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FLEET / name).read_text())
    return document


def write_grown(folder: Path, templates: int) -> Path:
    """The fleet's mappings, with templates for what its messages never hold.

    Args:
        folder: where to write, made if need be.
        templates: how many there are then.

    Returns:
        The folder, with `device.json` and `fhir.json`.
    """
    device, fhir = _read("device.json"), _read("fhir.json")
    device_like = json.dumps(device["template"][0])
    fhir_like = json.dumps(fhir["template"][0])
    for number in range(templates - len(device["template"])):
        name = _other(number)
        device["template"].append(json.loads(device_like.replace("heartRate", name)))
        fhir["template"].append(json.loads(fhir_like.replace("heartRate", name)))
    return _write(folder, device, fhir)


def write_sampled(folder: Path) -> Path:
    """The fleet's mappings with an hourly SampledData for each value, a cell a minute.

    Args:
        folder: where to write, made if need be.

    Returns:
        The folder, with `device.json` and `fhir.json`.
    """
    fhir = _read("fhir.json")
    for entry in fhir["template"]:
        template = entry["template"]
        template["periodInterval"] = 60
        for holder in (template, *template.get("components", ())):
            if "value" in holder:
                value = holder["value"]
                holder["value"] = {
                    "valueName": value["valueName"],
                    "valueType": "SampledData",
                    "defaultPeriod": 60_000,
                    "unit": value.get("code", value["unit"]),
                }
    return _write(folder, _read("device.json"), fhir)


def _write(folder: Path, device: dict[str, Any], fhir: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "device.json").write_text(json.dumps(device))
    (folder / "fhir.json").write_text(json.dumps(fhir))
    return folder
