"""The rival that most people write first: the well-known libraries in a row.

`python -m benchmarks.obvious --messages=FILE --out=DIR` reads both mapping files and
the messages with `json`, finds values with jsonpath-ng (every path parsed once) and
jmespath, makes Observations with the models of fhir.resources and tables of row dicts
with pyarrow. Nothing is slowed down on purpose; nothing is tuned either.
"""

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jmespath
import pyarrow as pa
import pyarrow.parquet as pq
from fhir.resources.R4B.device import Device
from fhir.resources.R4B.identifier import Identifier
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.patient import Patient
from fhir.resources.R4B.reference import Reference
from jsonpath_ng.ext.parser import parse

from transforms.schema import MEASUREMENT, OBSERVATION

SYSTEM = "https://azure.microsoft.com/en-us/services/iomt-fhir-connector/"
VERSION_SYSTEM = "https://vitalbeam.github.io/fhir/CodeSystem/mapping-version"
ENQUEUED_AT = "x-opt-enqueued-time"

Find = Callable[[Any], Any]
Row = dict[str, Any]


@dataclass
class DeviceTemplate:
    """One template of the device mapping, its expressions parsed."""

    type: str
    match: Callable[[Any], list[Any]]
    device: Find
    patient: Find
    time: Find
    values: dict[str, Find]


@dataclass
class Measurement:
    """One type at one instant, with its values."""

    type: str
    device: str
    patient: str
    time: datetime
    values: dict[str, float]
    ingested: datetime
    source: str


def find_all(expression: str) -> Callable[[Any], list[Any]]:
    """Parses a JSONPath; Microsoft writes `@name` where jsonpath-ng wants `@.name`."""
    path = parse(expression.replace("?(@", "?(@."))
    return lambda document: [match.value for match in path.find(document)]


def find_one(expression: str | dict[str, str]) -> Find:
    """Parses an expression that finds one value, or None."""
    if isinstance(expression, dict):
        compiled = jmespath.compile(expression["value"])
        return lambda document: compiled.search(document)
    find = find_all(expression)
    return lambda document: next(iter(find(document)), None)


def read_templates(path: Path) -> list[DeviceTemplate]:
    """Reads the device mapping."""
    templates = [
        entry["template"] for entry in json.loads(path.read_text())["template"]
    ]
    return [
        DeviceTemplate(
            template["typeName"],
            find_all(template["typeMatchExpression"]),
            find_one(template["deviceIdExpression"]),
            find_one(template["patientIdExpression"]),
            find_one(template["timestampExpression"]),
            {
                value["valueName"]: find_one(value["valueExpression"])
                for value in template["values"]
            },
        )
        for template in templates
    ]


def read_fhir_templates(path: Path) -> dict[str, Any]:
    """Reads the FHIR mapping: templates by type."""
    templates = [
        entry["template"] for entry in json.loads(path.read_text())["template"]
    ]
    return {template["typeName"]: template for template in templates}


def normalize(
    line: str, source: str, templates: list[DeviceTemplate]
) -> Iterator[Measurement]:
    """Evaluates every template on a message.

    Raises:
        ValueError: the message cannot become a measurement.
    """
    message = json.loads(line)
    if not isinstance(message, dict):
        msg = "not a JSON object"
        raise ValueError(msg)
    for template in templates:
        for token in template.match(message):
            document = {**message, "matchedToken": token}
            yield measure(document, source, template)


def measure(document: Any, source: str, template: DeviceTemplate) -> Measurement:
    """Evaluates one template on one match."""
    values = {name: find(document) for name, find in template.values.items()}
    device, patient = template.device(document), template.patient(document)
    if not device or not patient:
        msg = "no device or patient id"
        raise ValueError(msg)
    if not all(isinstance(value, int | float) for value in values.values()):
        msg = "a value is missing or no number"
        raise ValueError(msg)
    return Measurement(
        template.type,
        device,
        patient,
        parse_time(template.time(document)),
        values,
        parse_time(document["SystemProperties"][ENQUEUED_AT]),
        source,
    )


def parse_time(text: str) -> datetime:
    """Reads an ISO 8601 time with its offset."""
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if time.tzinfo is None:
        msg = "no time zone"
        raise ValueError(msg)
    return time


def read_measurements(
    messages: Path, templates: list[DeviceTemplate]
) -> tuple[list[Measurement], list[Row]]:
    """Reads all messages; of two readings of one instant the later ingested stays."""
    latest: dict[tuple[str, str, str, datetime], Measurement] = {}
    letters = []
    with messages.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            source = f"{messages}:{number}"
            try:
                for measurement in normalize(line, source, templates):
                    key = (
                        measurement.patient,
                        measurement.type,
                        measurement.device,
                        measurement.time,
                    )
                    known = latest.get(key)
                    if known is None or known.ingested < measurement.ingested:
                        latest[key] = measurement
            except (ValueError, KeyError) as error:
                letters.append(
                    {
                        "error": str(error),
                        "payload": line.rstrip("\n"),
                        "source": source,
                    }
                )
    return [latest[key] for key in sorted(latest)], letters


def group(
    measurements: list[Measurement], templates: dict[str, Any]
) -> list[list[Measurement]]:
    """Puts the measurements of one Observation together."""
    groups = defaultdict(list)
    for measurement in measurements:
        start, _ = period(measurement.time, templates[measurement.type])
        key = (measurement.patient, measurement.type, measurement.device, start)
        groups[key].append(measurement)
    return list(groups.values())


def period(time: datetime, template: Any) -> tuple[datetime, datetime]:
    """Returns the first and last instant of the Observation a reading belongs to."""
    start = time.astimezone(timezone.utc)
    if not template["periodInterval"]:
        return start, start
    start = start.replace(minute=0, second=0, microsecond=0)
    length = timedelta(minutes=template["periodInterval"])
    return start, start + length - timedelta(microseconds=1)


def observe(group: list[Measurement], template: Any, version: str) -> Observation:
    """Makes the Observation of a group of measurements."""
    first = group[0]
    patient_id, device_id = resource_id(first.patient), resource_id(first.device)
    start, end = period(first.time, template)
    identifier = f"{patient_id}.{device_id}.{first.type}.{segment(start)}"
    identifier += f".{segment(end.replace(microsecond=0) if end > start else end)}"
    document: Row = {
        "id": resource_id(identifier, SYSTEM),
        "meta": {"tag": [{"system": VERSION_SYSTEM, "code": version}]},
        "identifier": [{"system": SYSTEM, "value": identifier}],
        "status": "final",
        "category": [
            {"text": category["text"], "coding": category["codes"]}
            for category in template["category"]
        ],
        "code": concept(template["codes"], first.type),
        "subject": {"reference": f"Patient/{patient_id}"},
        "device": {"reference": f"Device/{device_id}"},
        "issued": max(measurement.ingested for measurement in group),
    }
    if end > start:
        document["effectivePeriod"] = {"start": start, "end": end}
    else:
        document["effectiveDateTime"] = first.time
    return Observation(**document, **content_of(group, template, start))


def content_of(group: list[Measurement], template: Any, start: datetime) -> Row:
    """Returns the value of an Observation, or its components."""
    if "value" in template:
        return value_of(template["value"], group, start)
    return {
        "component": [
            {
                "code": concept(component["codes"], component["value"]["valueName"]),
                **value_of(component["value"], group, start),
            }
            for component in template["components"]
        ]
    }


def value_of(template: Any, group: list[Measurement], start: datetime) -> Row:
    """Returns one value[x]."""
    name = template["valueName"]
    if template["valueType"] == "Quantity":
        quantity = {key: template[key] for key in ("unit", "system", "code")}
        return {"valueQuantity": {"value": group[-1].values[name], **quantity}}
    step = timedelta(milliseconds=template["defaultPeriod"])
    cells = ["E"] * (timedelta(hours=1) // step)
    for measurement in group:
        cells[(measurement.time - start) // step] = text(measurement.values[name])
    return {
        "valueSampledData": {
            "origin": {"value": 0, "unit": template["unit"]},
            "period": template["defaultPeriod"],
            "dimensions": 1,
            "data": " ".join(cells),
        }
    }


def text(number: float) -> str:
    """Writes a number without a needless `.0`."""
    return str(number).removesuffix(".0")


def concept(codes: list[dict[str, str]], name: str) -> Row:
    """Returns a CodeableConcept that ends with MedTech's own coding."""
    own = {"system": SYSTEM, "code": name, "display": name}
    return {"text": name, "coding": [*codes, own]}


def segment(time: datetime) -> str:
    """Writes an instant as it stands in identifiers."""
    return time.strftime("%Y%m%d%H%M%S.%fZ" if time.microsecond else "%Y%m%d%H%M%SZ")


def resource_id(identifier: str, system: str = "") -> str:
    """Returns the id of the resource with an identifier, by MedTech's rule."""
    return hashlib.sha256(f"{system}_{identifier}".encode()).hexdigest()


def values_in(template: Any) -> Iterator[tuple[Row, Row | None, Row]]:
    """Yields code, component code and value of each value of a FHIR template."""
    if "value" in template:
        yield template["codes"][0], None, template["value"]
    for component in template.get("components", ()):
        yield template["codes"][0], component["codes"][0], component["value"]


def measurement_rows(
    group: list[Measurement], observation: Observation, template: Any, version: str
) -> Iterator[Row]:
    """Yields a row per reading."""
    for code, component, value in values_in(template):
        coding = component or code
        for measurement in group:
            number = measurement.values[value["valueName"]]
            offset = measurement.time.utcoffset() or timedelta()
            yield {
                "observation_id": observation.id,
                "patient_id": resource_id(measurement.patient),
                "patient_identifier": measurement.patient,
                "device_id": resource_id(measurement.device),
                "device_identifier": measurement.device,
                "type": measurement.type,
                "value_name": value["valueName"],
                "code_system": coding["system"],
                "code": coding["code"],
                "code_display": coding["display"],
                "occurred_at": measurement.time,
                "occurred_tick": 0,
                "utc_offset_minutes": offset // timedelta(minutes=1),
                "local_date": measurement.time.date(),
                "value": number,
                "value_text": text(number),
                "unit": value.get("code", value["unit"]),
                "ingested_at": measurement.ingested,
                "source": measurement.source,
                "mapping_version": version,
            }


def observation_rows(
    group: list[Measurement], observation: Observation, template: Any, version: str
) -> Iterator[Row]:
    """Yields a row per value of an Observation."""
    first = group[0]
    start, end = period(first.time, template)
    for code, component, value in values_in(template):
        numbers = [measurement.values[value["valueName"]] for measurement in group]
        sampled = observation.valueSampledData
        yield {
            "observation_id": observation.id,
            "patient_id": resource_id(first.patient),
            "device_id": resource_id(first.device),
            "type": first.type,
            "code_system": code["system"],
            "code": code["code"],
            "component_code_system": component and component["system"],
            "component_code": component and component["code"],
            "status": observation.status,
            "effective_start": start,
            "effective_end": end,
            "value": None if sampled else numbers[-1],
            "value_text": sampled.data if sampled else text(numbers[-1]),
            "unit": value.get("code", value["unit"]),
            "reading_count": len(numbers),
            "min": min(numbers),
            "max": max(numbers),
            "mean": sum(numbers) / len(numbers),
            "issued": observation.issued,
            "mapping_version": version,
        }


def run(messages: Path, out: Path, fleet: Path, version: str) -> None:
    """Does the whole job.

    Args:
        messages: an NDJSON file of `benchmarks.fleet`, with envelopes.
        out: a folder, new or empty.
        fleet: folder of the two mapping files.
        version: what to write into every Observation and row.
    """
    fhir = read_fhir_templates(fleet / "fhir.json")
    measurements, letters = read_measurements(
        messages, read_templates(fleet / "device.json")
    )
    observations: dict[date, list[str]] = defaultdict(list)
    stored: dict[date, list[Row]] = defaultdict(list)
    observed: dict[date, list[Row]] = defaultdict(list)
    for readings in group(measurements, fhir):
        template = fhir[readings[0].type]
        observation = observe(readings, template, version)
        day = period(readings[0].time, template)[0].date()
        observations[day].append(observation.model_dump_json())
        stored[day] += measurement_rows(readings, observation, template, version)
        observed[day] += observation_rows(readings, observation, template, version)
    for day, lines in observations.items():
        write_lines(out / f"fhir/Observation/date={day}/observations.ndjson", lines)
        part = f"date={day}/part.parquet"
        write_table(out / "measurement" / part, stored[day], MEASUREMENT)
        write_table(out / "observation" / part, observed[day], OBSERVATION)
    write_shells(measurements, out)
    write_lines(out / "dead_letters/all.ndjson", map(json.dumps, letters))


def write_shells(measurements: list[Measurement], out: Path) -> None:
    """Writes the Patients and Devices that the Observations refer to."""
    worn = {measurement.device: measurement.patient for measurement in measurements}
    patients = [
        Patient(id=resource_id(name), identifier=[Identifier(value=name)])
        for name in sorted(set(worn.values()))
    ]
    devices = [
        Device(
            id=resource_id(device),
            identifier=[Identifier(value=device)],
            patient=Reference(reference=f"Patient/{resource_id(patient)}"),
        )
        for device, patient in sorted(worn.items())
    ]
    write_lines(
        out / "fhir/Patient/all.ndjson",
        (patient.model_dump_json() for patient in patients),
    )
    write_lines(
        out / "fhir/Device/all.ndjson", (device.model_dump_json() for device in devices)
    )


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Writes a file of lines in a folder that may not exist yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(line + "\n")


def write_table(path: Path, rows: list[Row], schema: pa.Schema) -> None:
    """Writes a Parquet file in a folder that may not exist yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows, schema=schema)
    pq.write_table(table, path, compression="zstd")


def main(arguments: list[str] | None = None) -> None:
    """Runs the script from the command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.obvious", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--messages", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--fleet", type=Path, default=Path(__file__).with_name("fleet"), help="mappings"
    )
    parser.add_argument("--mapping_version", default="obvious")
    options = parser.parse_args(arguments)
    run(options.messages, options.out, options.fleet, options.mapping_version)


if __name__ == "__main__":
    main()
