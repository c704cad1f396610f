"""The rival by hand: what a good engineer writes for exactly this fleet, and only it.

`python -m benchmarks.script --messages=FILE --out=DIR` does the work of
`fleet/device.json` and `fleet/fhir.json` without reading their rules (with `--sampled`
of the same where all types are hourly SampledData): one loop over the
lines with orjson, a dict per day in memory, then series by series (a series is one type
of one patient and device, whose ids and codes are computed once) every Observation and
every column. It writes what vitalbeam writes: Observations, Patients and Devices as
NDJSON, readings and Observation values as Parquet, the rest as dead letters.

It shows what the machine allows. It has no other mapping, no second run, no late data
after the run, no input larger than memory, no stream.
"""

import argparse
import gc
import hashlib
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from transforms.schema import MEASUREMENT, OBSERVATION

SYSTEM = "https://azure.microsoft.com/en-us/services/iomt-fhir-connector/"
VERSION_SYSTEM = "https://vitalbeam.github.io/fhir/CodeSystem/mapping-version"
CATEGORY_SYSTEM = "http://terminology.hl7.org/CodeSystem/observation-category"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
"""In microseconds, like every instant that is an int."""


BUFFER = 1 << 20
"""Bytes written at once."""


class Value(NamedTuple):
    """One value of a kind, with the code and the unit it gets."""

    name: str
    code: str
    display: str
    unit: str
    ucum: str


class Kind(NamedTuple):
    """One type of measurement; a body that holds `values[0].name` is of this kind."""

    name: str
    category: tuple[str, str]
    codes: tuple[tuple[str, str], ...]
    values: tuple[Value, ...]


VITAL_SIGNS = ("vital-signs", "Vital Signs")
PULSE = ("8867-4", "Heart rate")
WALK = ("55423-8", "Number of steps in unspecified time Pedometer")
PANEL = ("85354-9", "Blood pressure panel with all children optional")
SYSTOLIC = Value("systolic", "8480-6", "Systolic blood pressure", "mmHg", "mm[Hg]")
DIASTOLIC = Value("diastolic", "8462-4", "Diastolic blood pressure", "mmHg", "mm[Hg]")
OXYGEN = ("2708-6", "Oxygen saturation in Arterial blood")
OXIMETRY = ("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry")
MASS = ("29463-7", "Body weight")
STEPS = Value("steps", *WALK, "{steps}", "{steps}")
KINDS = (
    Kind(
        "heartRate",
        VITAL_SIGNS,
        (PULSE,),
        (Value("heartRate", *PULSE, "beats/minute", "/min"),),
    ),
    Kind("steps", ("activity", "Activity"), (WALK,), (STEPS,)),
    Kind("bloodPressure", VITAL_SIGNS, (PANEL,), (SYSTOLIC, DIASTOLIC)),
    Kind("spo2", VITAL_SIGNS, (OXYGEN, OXIMETRY), (Value("spo2", *OXYGEN, "%", "%"),)),
    Kind("weight", VITAL_SIGNS, (MASS,), (Value("weight", *MASS, "kg", "kg"),)),
)


HOURLY = frozenset({"steps"})
"""Kinds whose Observations stand for an hour."""


class Reading(NamedTuple):
    """The values of one kind at one instant."""

    ingested: int
    enqueued: str
    """The text of `ingested`."""
    numbers: tuple[float, ...]
    time: str
    offset: int
    """Minutes from UTC."""
    line: int


class Series(NamedTuple):
    """One kind of one patient and device."""

    patient: str
    kind: int
    device: str


Day = dict[Series, dict[int, Reading]]
"""Per series, the reading at each instant."""

Readings = list[tuple[int, Reading]]
"""Instants and readings of one series, in time order."""


class UnusableError(Exception):
    """The message becomes a dead letter: stage, error name and what is wrong."""


NORMALIZE, IDENTIFY, GROUP = "Normalize", "Identify", "Group"
NO_FORMAT = "InvalidDataFormatException"
INCOMPATIBLE = "IncompatibleDataException"
NO_IDENTITY = "ResourceIdentityNotDefinedException"
NO_QUANTITY = "InvalidQuantityFhirValueException"


def collect(
    lines: Iterable[bytes], source: str, version: str
) -> tuple[dict[int, Day], list[bytes]]:
    """Reads all messages: the readings of each day, and the dead letters as NDJSON.

    Of several readings of a series at one instant, the one ingested last stays.
    """
    days: dict[int, Day] = defaultdict(lambda: defaultdict(dict))
    letters = []
    for number, line in enumerate(lines, 1):
        try:
            add(days, line, number)
        except UnusableError as error:
            letters.append(dead_letter(error, line, f"{source}:{number}", version))
    return days, letters


def add(days: dict[int, Day], line: bytes, number: int) -> None:
    """Adds the readings of one message, if it has any, to their days."""
    body, enqueued = parse(line)
    ingested, _ = instant(enqueued)
    for index, kind in enumerate(KINDS):
        if kind.values[0].name not in body:
            continue
        time: Any = body.get("time")
        micros, offset = instant(time)
        numbers = tuple([number_in(body, value.name) for value in kind.values])
        device, patient = body.get("deviceId"), body.get("patientId")
        if not device:
            raise UnusableError(NORMALIZE, INCOMPATIBLE, "no deviceId")
        if not patient:
            raise UnusableError(IDENTIFY, NO_IDENTITY, "no patientId")
        readings = days[micros // DAY][Series(patient, index, device)]
        known = readings.get(micros)
        if known is None or known.ingested < ingested:
            readings[micros] = Reading(
                ingested, enqueued, numbers, time, offset, number
            )


def parse(line: bytes) -> tuple[dict[str, Any], str]:
    """Returns the body of a message and when the broker received it."""
    try:
        message = orjson.loads(line)
        return message["Body"], message["SystemProperties"]["x-opt-enqueued-time"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UnusableError(NORMALIZE, NO_FORMAT, "not a message in JSON") from error


def instant(text: Any) -> tuple[int, int]:
    """Returns the instant that the text names, and its offset in minutes."""
    try:
        if text[-1] == "Z":
            at, offset = datetime.fromisoformat(text[:-1] + "+00:00"), 0
        else:
            at, zone = datetime.fromisoformat(text), text[-6:]
            offset = int(zone[:3]) * 60 + int(zone[0] + zone[4:])
        return (at - EPOCH) // MICROSECOND, offset
    except (IndexError, TypeError, ValueError) as error:
        raise UnusableError(NORMALIZE, INCOMPATIBLE, "no usable time") from error


def number_in(body: dict[str, Any], name: str) -> float:
    """Returns a value, which must be a number."""
    value = body.get(name)
    if type(value) is int or type(value) is float:
        return value
    if value is None:
        raise UnusableError(NORMALIZE, INCOMPATIBLE, f"no {name}")
    raise UnusableError(GROUP, NO_QUANTITY, f"{name} is not a number")


def dead_letter(error: UnusableError, line: bytes, source: str, version: str) -> bytes:
    """Returns the letter of a message as a line of NDJSON."""
    stage, name, message = error.args
    payload = line.decode(errors="replace").rstrip("\n")
    return encode(
        {
            "id": sha256(f"{name}_{source}_{payload}"),
            "stage": stage,
            "error": name,
            "message": message,
            "payload": payload,
            "source": source,
            "mapping_version": version,
        }
    )


class Mould:
    """What all Observations and rows of a series share."""

    def __init__(self, series: Series, version: str) -> None:
        self.kind = kind = KINDS[series.kind]
        patient_id, device_id = (
            sha256(f"_{series.patient}"),
            sha256(f"_{series.device}"),
        )
        self._identifier = f"{patient_id}.{device_id}.{kind.name}"
        self._parts = {
            name: orjson.Fragment(orjson.dumps(part))
            for name, part in {
                "meta": {"tag": [{"system": VERSION_SYSTEM, "code": version}]},
                "category": [concept(kind.category[1], CATEGORY_SYSTEM, kind.category)],
                "code": service_concept(kind.name, *kind.codes),
                "subject": {"reference": f"Patient/{patient_id}"},
                "device": {"reference": f"Device/{device_id}"},
            }.items()
        }
        self.component_codes = [
            orjson.Fragment(orjson.dumps(service_concept(name, (code, display))))
            for name, code, display, *_ in kind.values
        ]
        self.columns = {
            "patient_id": patient_id,
            "patient_identifier": series.patient,
            "device_id": device_id,
            "device_identifier": series.device,
            "type": kind.name,
            "status": "final",
            "mapping_version": version,
        }

    def observation(
        self, start: str, end: str, content: dict[str, Any]
    ) -> tuple[str, bytes]:
        """Returns the id and the JSON of the Observation over a period."""
        identifier = f"{self._identifier}.{start}.{end}"
        observation_id = sha256(f"{SYSTEM}_{identifier}")
        return observation_id, encode(
            {
                "resourceType": "Observation",
                "id": observation_id,
                "identifier": [{"system": SYSTEM, "value": identifier}],
                "status": "final",
                **self._parts,
                **content,
            }
        )

    def measurement_columns(self, value: Value) -> dict[str, Any]:
        """The columns that all readings of one value share."""
        return self.columns | {
            "value_name": value.name,
            "code_system": LOINC,
            "code": value.code,
            "code_display": value.display,
            "unit": value.ucum,
        }

    def observation_columns(self, value: Value) -> dict[str, Any]:
        """The columns that one value shares in all Observations."""
        component = len(self.kind.values) > 1
        return self.columns | {
            "code_system": LOINC,
            "code": self.kind.codes[0][0],
            "component_code_system": LOINC if component else None,
            "component_code": value.code if component else None,
            "unit": value.ucum,
        }


class Rows:
    """One Parquet table of a day: what varies per row, and what is fixed per block."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._fixed: list[dict[str, Any]] = []
        self._lengths: list[int] = []
        self._varying: dict[str, list[Any]] = defaultdict(list)

    def add(self, fixed: dict[str, Any], **varying: list[Any]) -> None:
        """Adds a block of rows."""
        self._fixed.append(fixed)
        self._lengths.append(len(next(iter(varying.values()))))
        for name, values in varying.items():
            self._varying[name] += values

    def write(self, path: Path) -> None:
        """Writes the table."""
        path.parent.mkdir(parents=True, exist_ok=True)
        blocks = np.repeat(np.arange(len(self._lengths)), self._lengths)
        fixed = pa.Table.from_pylist(self._fixed, schema=self._schema).take(blocks)
        columns = [
            pa.array(self._varying[name], kind)
            if name in self._varying
            else fixed[name]
            for name, kind in zip(self._schema.names, self._schema.types, strict=True)
        ]
        table = pa.Table.from_arrays(columns, schema=self._schema)
        repeating = [name for name in self._schema.names if name != "observation_id"]
        pq.write_table(
            table,
            path,
            compression="zstd",
            use_dictionary=repeating,
            write_page_index=True,
        )


class DayFiles:
    """All that is written about one day: Observations and both tables."""

    def __init__(self, source: str, version: str, hourly: frozenset[str]) -> None:
        self._source = source
        self._version = version
        self._hourly = hourly
        self._measurements = Rows(MEASUREMENT)
        self._observations = Rows(OBSERVATION)

    def write(self, day: Day, date: str, out: Path) -> None:
        """Writes a day in the order of patient, kind and time."""
        ndjson = out / "fhir" / "Observation" / f"date={date}" / "observations.ndjson"
        ndjson.parent.mkdir(parents=True, exist_ok=True)
        with ndjson.open("wb", BUFFER) as file:
            for series in sorted(day):
                readings = sorted(day[series].items())
                mould = Mould(series, self._version)
                hourly = KINDS[series.kind].name in self._hourly
                observe = self._observe_hours if hourly else self._observe_instants
                file.writelines(observe(mould, readings))
        part = f"date={date}/part.parquet"
        self._measurements.write(out / "measurement" / part)
        self._observations.write(out / "observation" / part)

    def _observe_instants(self, mould: Mould, readings: Readings) -> list[bytes]:
        """One Observation per reading."""
        content = components if len(mould.kind.values) > 1 else quantity
        ids, lines = [], []
        for micros, reading in readings:
            stamp = segment(micros)
            body = content(mould, reading.numbers)
            body["effectiveDateTime"] = tidy(reading.time)
            body["issued"] = tidy(reading.enqueued)
            observation_id, line = mould.observation(stamp, stamp, body)
            ids.append(observation_id)
            lines.append(line)
        self._add_measurements(mould, ids, readings)
        instants = [micros for micros, _ in readings]
        for index, value in enumerate(mould.kind.values):
            numbers = [reading.numbers[index] for _, reading in readings]
            self._observations.add(
                mould.observation_columns(value),
                observation_id=ids,
                effective_start=instants,
                effective_end=instants,
                value=numbers,
                value_text=[text(number) for number in numbers],
                reading_count=[1] * len(ids),
                min=numbers,
                max=numbers,
                mean=numbers,
                issued=[reading.ingested for _, reading in readings],
            )
        return lines

    def _observe_hours(self, mould: Mould, readings: Readings) -> list[bytes]:
        """One Observation per hour, a cell per minute."""
        lines = []
        for hour, group in groupby(readings, lambda timed: timed[0] // HOUR):
            timed = list(group)
            start, end = hour * HOUR, hour * HOUR + HOUR - 1
            last = max(reading for _, reading in timed)
            values = mould.kind.values
            grids = [sampled(start, timed, index) for index in range(len(values))]
            observation_id, line = mould.observation(
                segment(start),
                segment(end - end % 1_000_000),
                {
                    "effectivePeriod": hour_period(start),
                    "issued": tidy(last.enqueued),
                    **sampled_data(mould, grids),
                },
            )
            lines.append(line)
            self._add_measurements(mould, [observation_id] * len(timed), timed)
            for index, (value, grid) in enumerate(zip(values, grids, strict=True)):
                numbers = [reading.numbers[index] for _, reading in timed]
                self._observations.add(
                    mould.observation_columns(value),
                    observation_id=[observation_id],
                    effective_start=[start],
                    effective_end=[end],
                    value=[None],
                    value_text=[grid],
                    reading_count=[len(numbers)],
                    min=[min(numbers)],
                    max=[max(numbers)],
                    mean=[sum(numbers) / len(numbers)],
                    issued=[last.ingested],
                )
        return lines

    def _add_measurements(
        self, mould: Mould, ids: list[str], readings: Readings
    ) -> None:
        offsets = [reading.offset for _, reading in readings]
        instants = [micros for micros, _ in readings]
        dates = [
            (micros + offset * MINUTE) // DAY
            for micros, offset in zip(instants, offsets, strict=True)
        ]
        for index, value in enumerate(mould.kind.values):
            numbers = [reading.numbers[index] for _, reading in readings]
            self._measurements.add(
                mould.measurement_columns(value),
                observation_id=ids,
                occurred_at=instants,
                occurred_tick=[0] * len(instants),
                utc_offset_minutes=offsets,
                local_date=dates,
                value=numbers,
                value_text=[text(number) for number in numbers],
                ingested_at=[reading.ingested for _, reading in readings],
                source=[f"{self._source}:{reading.line}" for _, reading in readings],
            )


def sampled(start: int, readings: Readings, index: int) -> str:
    """Returns an hour of a value as SampledData: a cell per minute, `E` for none."""
    cells = ["E"] * 60
    for micros, reading in readings:
        cells[(micros - start) // MINUTE] = text(reading.numbers[index])
    return " ".join(cells)


def sampled_data(mould: Mould, grids: list[str]) -> dict[str, Any]:
    """Returns the value, or the components, of an Observation of an hour."""
    told = [
        {
            "valueSampledData": {
                "origin": {"value": 0, "unit": value.ucum},
                "period": 60000,
                "dimensions": 1,
                "data": grid,
            }
        }
        for value, grid in zip(mould.kind.values, grids, strict=True)
    ]
    if len(told) == 1:
        return told[0]
    codes = mould.component_codes
    return {
        "component": [
            {"code": code, **value} for code, value in zip(codes, told, strict=True)
        ]
    }


def quantity(mould: Mould, numbers: tuple[float, ...]) -> dict[str, Any]:
    """Returns the value of an Observation of one number."""
    value = mould.kind.values[0]
    return {"valueQuantity": measured(value, numbers[0])}


def components(mould: Mould, numbers: tuple[float, ...]) -> dict[str, Any]:
    """Returns the components of an Observation of several numbers."""
    return {
        "component": [
            {"code": code, "valueQuantity": measured(value, number)}
            for code, value, number in zip(
                mould.component_codes, mould.kind.values, numbers, strict=True
            )
        ]
    }


def measured(value: Value, number: float) -> dict[str, Any]:
    """Returns a FHIR Quantity."""
    return {"value": number, "unit": value.unit, "system": UCUM, "code": value.ucum}


def concept(text: str, system: str, *codes: tuple[str, str]) -> dict[str, Any]:
    """Returns a FHIR CodeableConcept."""
    codings = [
        {"system": system, "code": code, "display": display} for code, display in codes
    ]
    return {"text": text, "coding": codings}


def service_concept(name: str, *codes: tuple[str, str]) -> dict[str, Any]:
    """Returns a concept of LOINC codes that ends with MedTech's own coding."""
    named = concept(name, LOINC, *codes)
    named["coding"].append({"system": SYSTEM, "code": name, "display": name})
    return named


def moment(micros: int) -> datetime:
    """Returns an instant in UTC."""
    return EPOCH + timedelta(microseconds=micros)


def hour_period(start: int) -> dict[str, str]:
    """Returns the FHIR Period of an hour: MedTech's text, which ends 100 ns early."""
    hour = f"{moment(start):%Y-%m-%dT%H}"
    return {"start": f"{hour}:00:00.0000000Z", "end": f"{hour}:59:59.9999999Z"}


def tidy(time: str) -> str:
    """Writes an instant as it was sent, without needless zeros in a fraction."""
    if "." not in time:
        return time
    digits, zone = (time[:-1], "Z") if time[-1] == "Z" else (time[:-6], time[-6:])
    return digits.rstrip("0").rstrip(".") + zone


def segment(micros: int) -> str:
    """Writes an instant as it stands in identifiers."""
    day, rest = divmod(micros, DAY)
    second, fraction = divmod(rest, 1_000_000)
    tail = f".{fraction:06}Z" if fraction else "Z"
    return f"{compact_date(day)}{compact_clock(second)}{tail}"


@lru_cache
def compact_date(day: int) -> str:
    """Writes a day without dashes."""
    return f"{moment(day * DAY):%Y%m%d}"


@lru_cache(maxsize=86_400)
def compact_clock(second: int) -> str:
    """Writes a second of the day without colons."""
    return f"{second // 3600:02}{second // 60 % 60:02}{second % 60:02}"


def text(number: float) -> str:
    """Writes a number without a needless `.0`."""
    return str(number).removesuffix(".0")


def sha256(named: str) -> str:
    """Returns the id of what is named so, by MedTech's rule."""
    return hashlib.sha256(named.encode()).hexdigest()


def encode(document: dict[str, Any]) -> bytes:
    """Returns a line of NDJSON."""
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def write_shells(days: dict[int, Day], out: Path) -> None:
    """Writes the Patients and Devices that the Observations refer to."""
    worn = {series.device: series.patient for day in days.values() for series in day}
    patients = [
        {
            "resourceType": "Patient",
            "id": sha256(f"_{name}"),
            "identifier": [{"value": name}],
        }
        for name in sorted(set(worn.values()))
    ]
    devices = [
        {
            "resourceType": "Device",
            "id": sha256(f"_{device}"),
            "identifier": [{"value": device}],
            "patient": {"reference": f"Patient/{sha256(f'_{patient}')}"},
        }
        for device, patient in sorted(worn.items())
    ]
    for name, resources in (("Patient", patients), ("Device", devices)):
        write_lines(out / "fhir" / name / "all.ndjson", map(encode, resources))


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Writes a file in a folder that may not exist yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(lines)


def run(
    messages: Path, out: Path, mapping_version: str, hourly: frozenset[str]
) -> None:
    """Does the whole job.

    Args:
        messages: an NDJSON file of `benchmarks.fleet`, with envelopes.
        out: a folder, new or empty.
        mapping_version: what to write into every Observation and row.
        hourly: names of the kinds whose Observations stand for an hour.
    """
    with messages.open("rb") as lines:
        days, letters = collect(lines, str(messages), mapping_version)
    for day, series in sorted(days.items()):
        date = moment(day * DAY).date().isoformat()
        DayFiles(str(messages), mapping_version, hourly).write(series, date, out)
    write_shells(days, out)
    write_lines(out / "dead_letters" / "all.ndjson", letters)


def main(arguments: list[str] | None = None) -> None:
    """Runs the script from the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.script", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--messages", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--mapping_version", default="script")
    parser.add_argument(
        "--sampled", action="store_true", help="all kinds as hourly SampledData"
    )
    options = parser.parse_args(arguments)
    hourly = frozenset(kind.name for kind in KINDS) if options.sampled else HOURLY
    gc.disable()  # nothing here is cyclic, and a day of readings is long to walk
    run(options.messages, options.out, options.mapping_version, hourly)


if __name__ == "__main__":
    main()
