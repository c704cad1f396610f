"""What devices send, in the order in which it reaches a broker with partitions."""

import datetime
import functools
import json
from typing import NamedTuple

from tests.runs import FLEET
from tests.walks import NOTE, PULSES, device_template, enveloped, fhir_template
from transforms.device_mapping import DeviceMapping
from transforms.fhir_mapping import FhirMapping
from transforms.instants import DAY, HOUR, MINUTE
from transforms.rules import MEDTECH, USUAL

VERSION = "v"
"""The mapping version of all that is written."""

FIRST_DAY = 1_772_323_200_000_000  # 2026-03-01T00:00:00Z

_LIKE_WALKS = [
    device_template("walk", "pulse", "note", correlationIdExpression="$..session"),
    device_template("apart", "apart", "sys", "dia"),
    device_template("quarter", "quarter"),
    device_template("mean", "mean"),
    device_template("nap", "nap"),
]


def _quantity(name, **more):
    return {"valueType": "Quantity", "valueName": name, "unit": "1", **more}


def _samples(name):
    return {**PULSES, "valueName": name}


def _apart():
    """Blood pressure whose two values come in messages of their own."""
    template = fhir_template("apart", 0, None)
    del template["template"]["value"]
    template["template"]["components"] = [
        {"codes": [{"code": name, "system": "urn:x"}], "value": _quantity(name)}
        for name in ("sys", "dia")
    ]
    return template


_FHIR_LIKE_WALKS = [
    fhir_template("walk", -1, PULSES, NOTE),
    _apart(),
    fhir_template("quarter", 15, _quantity("quarter", aggregate="max")),
    fhir_template("mean", 1440, _quantity("mean", aggregate="mean")),
    fhir_template("nap", 1440, _samples("nap")),
]


@functools.cache
def mappings(*, medtech=False):
    """The fleet's two mapping files, with types for sessions, parts and days."""
    device = json.loads((FLEET / "device.json").read_text())
    fhir = json.loads((FLEET / "fhir.json").read_text())
    device["template"] += _LIKE_WALKS
    fhir["template"] += _FHIR_LIKE_WALKS
    rules = MEDTECH if medtech else USUAL
    return (
        DeviceMapping.from_json(json.dumps(device), rules=rules),
        FhirMapping.from_json(json.dumps(fhir), rules=rules),
    )


class Record(NamedTuple):
    """A message in the log."""

    partition: int
    offset: int
    payload: bytes


class _Reading(NamedTuple):
    """What is needed to send it again or to correct it."""

    kind: str
    device: int
    occurred_at: int
    enqueued_at: int


_PLAIN = {
    "heartRate": ("heartRate",),
    "steps": ("steps",),
    "bloodPressure": ("systolic", "diastolic"),
    "quarter": ("quarter",),
    "mean": ("mean",),
    "nap": ("nap",),
}
_KINDS = (*_PLAIN, "steps", "mean", "apart", "apart", "walk", "walk")

_BROKEN = (b"ERR 17", b'{"deviceId":', b"72", b"\xff\xfe", b'{"battery": 7}')


class Sender:
    """Devices and what they have sent.

    Args:
        dice: of the history.
        shared: whether devices change hands.
    """

    def __init__(self, dice, *, shared):
        self._dice, self._shared = dice, shared
        self._devices = dice.between(1, 3)
        self._kinds = [dice.pick(_KINDS) for _ in range(dice.between(1, 4))]
        days = [0, 0, 0, 1, -1, -10, -400]
        self._hours = [
            FIRST_DAY + dice.pick(days) * DAY + dice.pick((0, 8, 9, 23)) * HOUR
            for _ in range(dice.between(1, 2))
        ]
        self._sent = []
        self._payloads = []

    def message(self):
        """The next message."""
        roll, dice = self._dice.below(100), self._dice
        if roll < 12 and self._payloads:
            return dice.pick(self._payloads)  # delivered again
        if roll < 17:
            return dice.pick(_BROKEN)
        if roll < 40 and self._sent:
            payload = self._again(dice.pick(self._sent))
        else:
            payload = self._new()
        self._payloads.append(payload)
        return payload

    def _again(self, reading):
        """Corrected or repeated: ingested later, at the same time, or before."""
        shift = self._dice.pick((0, 0, 1, 1, 60, -1)) * 1_000_000
        enqueued_at = reading.enqueued_at + shift
        return self._send(reading._replace(enqueued_at=enqueued_at))

    def _new(self):
        dice = self._dice
        at = dice.pick(self._hours) + dice.pick((0, 1, 15, 59)) * MINUTE
        if dice.chance(0.1):
            at += 500_000
        delay = dice.pick((1, 1, 2, 3_600)) * 1_000_000
        if dice.chance(0.05):
            delay = dice.pick((-2 * DAY, 366 * DAY))  # times that cannot be
        device = dice.below(self._devices)
        return self._send(_Reading(dice.pick(self._kinds), device, at, at + delay))

    def _send(self, reading):
        self._sent.append(reading)
        dice, name = self._dice, f"device-{reading.device}"
        owner = dice.below(3) if self._shared else reading.device // 2
        patient = f"patient-{owner}"
        body = {"deviceId": name, "device": name}
        if not dice.chance(0.03):
            body |= {"patientId": patient, "patient": patient}
        if dice.chance(0.1):
            body["visit"] = dice.pick(("v-1", "v-2"))
        body |= {"time": _iso(reading.occurred_at, dice.pick((0, 0, 2)))}
        body |= self._values(reading)
        if dice.chance(0.1):
            return json.dumps(body).encode()
        return json.dumps(enveloped(body, reading.enqueued_at)).encode()

    def _values(self, reading):
        dice = self._dice
        if reading.kind == "walk":
            values = {"pulse": self._value(), "session": dice.pick("ab")}
            return values | ({"note": dice.pick("xy")} if dice.chance(0.5) else {})
        if reading.kind == "apart":
            names = dice.pick((("sys",), ("dia",), ("sys", "dia")))
            return {"apart": 1} | {name: self._value() for name in names}
        return {name: self._value() for name in _PLAIN[reading.kind]}

    def _value(self):
        # Few, so that a correction may bring back what was there before.
        return "no number" if self._dice.chance(0.02) else 60 + self._dice.below(3)


def _iso(instant, hours):
    zone = datetime.timezone(datetime.timedelta(hours=hours))
    moment = datetime.datetime.fromtimestamp(instant / 1e6, zone)
    return moment.isoformat(timespec="milliseconds")


def draw_records(dice, most, *, shared):
    """A log: records in the order in which they reached the broker."""
    sender, partitions = Sender(dice, shared=shared), dice.between(1, 3)
    ends = [0] * partitions
    records = []
    for _ in range(dice.between(3, most)):
        partition = dice.below(partitions)
        records.append(Record(partition, ends[partition], sender.message()))
        ends[partition] += 1
    return tuple(records)
