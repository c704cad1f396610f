"""One day of messages from a fleet of wearables, seeded and streamed.

`python -m benchmarks.fleet --messages=1000000 --seed=7 --out=FILE` writes NDJSON in the
order in which a broker would have received it, about 250 bytes a message. The same seed
and number of messages give the same bytes on every platform and Python version; memory
is constant.

The day is 2026-03-01 UTC and the number of messages decides how many people live it:
each of them owns a watch (heart rate, steps), a pulse oximeter, a blood-pressure cuff
and a scale, and sends about a thousand messages. One in ten lives at +02:00, one in ten
at -05:00, and their devices say so. As in life, some messages arrive

* late (3 %): one to ten hours after the event, some of them from the day before;
* repeated (2 %): sent again by the device with a later enqueued time, or delivered
  again by the broker, byte for byte;
* corrected (2 %): same device and instant, later enqueued time, another value;
* without a reading (2 %): battery and status only;
* malformed (0.3 %): the kinds listed in `_Fleet._malformed`.
"""

import argparse
import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

DAY_START = datetime(2026, 3, 1, tzinfo=timezone.utc)
DAY_MS = 86_400_000
MESSAGES_PER_PERSON = 960
"""One message each 90 s: no two live messages of a person share a minute."""

_RECENT = 1024
"""How many sent messages can still be repeated or corrected."""

_UTC, _EAST, _WEST = (0, "Z"), (120, "+02:00"), (-300, "-05:00")
_ZONES = (*(_UTC,) * 3, _EAST, *(_UTC,) * 3, _WEST, *(_UTC,) * 2)
"""Offset in minutes and its text, by the last digit of the person."""

_HEART_RATE, _STEPS, _SPO2, _BLOOD_PRESSURE, _WEIGHT = range(5)
_DEVICES = ("watch", "watch", "oximeter", "cuff", "scale")
_NIGHT = (_HEART_RATE,) * 17 + (_SPO2,) * 2 + (_STEPS,)
_WAKING = (
    (_HEART_RATE,) * 23 + (_STEPS,) * 22 + (_SPO2,) * 2 + (_BLOOD_PRESSURE,) * 2
) + (_WEIGHT,)
_NOT_JSON = ("ERR 17: sensor timeout", "<reading hr='72'/>", '{"deviceId":watch}')
_SCALARS = ("72", '"asleep"', "true", "null")


class _Sent(NamedTuple):
    """What is needed to send a message again, or to correct it."""

    person: int
    kind: int
    occurred_ms: int
    device: str
    body: str
    line: bytes


def generate(
    messages: int, seed: int, *, envelope: bool = True, people: int | None = None
) -> Iterator[bytes]:
    """Streams one day of a fleet, a line of NDJSON (newline included) at a time.

    Args:
        messages: how many lines, the noisy and the malformed ones included.
        seed: the same seed gives the same bytes.
        envelope: False leaves the bare payload, without enqueued times.
        people: who send them; None for as many as send so much in a day.

    Yields:
        Lines in order of arrival. Enqueued times differ from each other (up to 86
        million messages), apart from lines that the broker delivers twice.
    """
    fleet = _Fleet(
        messages, seed, people or messages // MESSAGES_PER_PERSON, envelope=envelope
    )
    for number in range(messages):
        yield fleet.message(number)


class _Fleet:
    """The state of a run: the dice and the latest messages."""

    def __init__(
        self, messages: int, seed: int, people: int, *, envelope: bool
    ) -> None:
        # Only `random()` is used: its sequence is the same in every Python version.
        self._random = random.Random(seed).random
        self._messages = messages
        self._people = max(8, people)
        self._envelope = envelope
        self._recent: list[_Sent] = []

    def message(self, number: int) -> bytes:
        """Returns the line that arrives as `number` of the day."""
        dice = self._random()
        arrived_ms = number * DAY_MS // self._messages
        if dice < 0.04 and self._recent:
            return self._again(number, arrived_ms, dice)
        person = number % self._people
        if dice >= 0.977:
            if dice >= 0.997:
                return self._malformed(number, arrived_ms, person)
            return self._noise(number, arrived_ms, person)
        hour = arrived_ms // 3_600_000
        kinds = _WAKING if 6 <= hour < 22 else _NIGHT
        kind = kinds[int(self._random() * len(kinds))]
        delay_ms = 300 + int(self._random() * 4_000)
        if dice >= 0.947:
            delay_ms += 3_600_000 + int(self._random() * 9 * 3_600_000)
        occurred_ms = _measured(kind, arrived_ms - delay_ms)
        return self._send(number, arrived_ms, person, kind, occurred_ms)

    def _send(
        self, number: int, arrived_ms: int, person: int, kind: int, occurred_ms: int
    ) -> bytes:
        device = f"{_DEVICES[kind]}-{person:05d}"
        body = self._body(
            device, person, _occurred(occurred_ms, person), self._values(kind, person)
        )
        line = self._line(number, arrived_ms, device, body)
        sent = _Sent(person, kind, occurred_ms, device, body, line)
        if len(self._recent) < _RECENT:
            self._recent.append(sent)
        else:
            self._recent[number % _RECENT] = sent
        return line

    def _again(self, number: int, arrived_ms: int, dice: float) -> bytes:
        """A recent message: corrected, sent twice, or delivered twice."""
        sent = self._recent[int(self._random() * len(self._recent))]
        if dice < 0.02:
            return self._send(
                number, arrived_ms, sent.person, sent.kind, sent.occurred_ms
            )
        if dice < 0.03:
            return self._line(number, arrived_ms, sent.device, sent.body)
        return sent.line

    def _noise(self, number: int, arrived_ms: int, person: int) -> bytes:
        device = f"watch-{person:05d}"
        time = _occurred(arrived_ms - 1000, person)
        status = '"status":"charging"' if self._random() < 0.5 else '"status":"idle"'
        body = self._body(device, person, time, status)
        return self._line(number, arrived_ms, device, body)

    def _malformed(self, number: int, arrived_ms: int, person: int) -> bytes:
        """A message that cannot become an Observation, in one of seven ways."""
        device, reading = f"watch-{person:05d}", '"heartRate":72'
        time = _occurred(arrived_ms - 1000, person)
        whole = self._line(
            number, arrived_ms, device, self._body(device, person, time, reading)
        )
        dice = int(self._random() * 7)
        if dice == 0:
            return self._pick(_NOT_JSON).encode() + b"\n"
        if dice == 1:
            cut = 10 + int(self._random() * (len(whole) - 20))
            return whole[:cut] + b"\n"
        if dice == 2:
            return self._pick(_SCALARS).encode() + b"\n"
        if dice == 3:
            missing = '"heartRate":null', '"steps":null', '"systolic":128'
            reading = self._pick(missing)
        elif dice == 4:
            time = self._pick(("yesterday", "2026-03-01T25:61:00Z", ""))
        elif dice == 5:
            reading = self._pick(('"heartRate":"high"', '"spo2":"no finger"'))
        body = self._body(device, person, time, reading)
        if dice == 6:
            body = body.replace(f'"patientId":"patient-{person:05d}",', "")
        return self._line(number, arrived_ms, device, body)

    def _values(self, kind: int, person: int) -> str:
        dice = self._random()
        if kind == _HEART_RATE:
            return f'"heartRate":{52 + person % 23 + int(dice * 45)}'
        if kind == _STEPS:
            return f'"steps":{int(dice * 130)}'
        if kind == _SPO2:
            return f'"spo2":{93 + int(dice * 70) / 10}'
        if kind == _BLOOD_PRESSURE:
            systolic = 104 + person % 29 + int(dice * 30)
            return f'"systolic":{systolic},"diastolic":{systolic - 41 - person % 7}'
        return f'"weight":{(5000 + person * 37 % 5000 + int(dice * 120)) / 100}'

    def _body(self, device: str, person: int, time: str, values: str) -> str:
        return (
            f'{{"deviceId":"{device}","patientId":"patient-{person:05d}",'
            f'"time":"{time}",{values},"battery":{15 + int(self._random() * 85)}}}'
        )

    def _line(self, number: int, arrived_ms: int, device: str, body: str) -> bytes:
        if not self._envelope:
            return body.encode() + b"\n"
        minute, ms = divmod(arrived_ms, 60_000)
        return (
            f'{{"Body":{body},"Properties":{{}},"SystemProperties":'
            f'{{"x-opt-enqueued-time":"{_minute(minute)}:{ms // 1000:02d}.'
            f'{ms % 1000:03d}Z","x-opt-sequence-number":{number},'
            f'"x-opt-partition-key":"{device}"}}}}\n'
        ).encode()

    def _pick(self, choices: tuple[str, ...]) -> str:
        return choices[int(self._random() * len(choices))]


def _measured(kind: int, occurred_ms: int) -> int:
    """The instant as precisely as the device knows it: minute (steps), ms, else s."""
    if kind == _SPO2:
        return occurred_ms
    resolution = 60_000 if kind == _STEPS else 1_000
    return occurred_ms - occurred_ms % resolution


def _occurred(occurred_ms: int, person: int) -> str:
    """The instant as the person's devices write it, milliseconds only if it has any."""
    offset, zone = _ZONES[person % 10]
    minute, ms = divmod(occurred_ms, 60_000)
    fraction = f".{ms % 1000:03d}" if ms % 1000 else ""
    return f"{_minute(minute + offset)}:{ms // 1000:02d}{fraction}{zone}"


@lru_cache(maxsize=4096)
def _minute(minute: int) -> str:
    """`yyyy-mm-ddThh:mm` of a minute counted from the start of the day."""
    return f"{DAY_START + timedelta(minutes=minute):%Y-%m-%dT%H:%M}"


def main(arguments: list[str] | None = None) -> None:
    """Writes the messages to a file."""
    parser = argparse.ArgumentParser("python -m benchmarks.fleet", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--no_envelope", action="store_true", help="bare payloads, no enqueued times"
    )
    options = parser.parse_args(arguments)
    with options.out.open("wb") as out:
        lines = generate(
            options.messages, options.seed, envelope=not options.no_envelope
        )
        out.writelines(lines)


if __name__ == "__main__":
    main()
