"""What a message costs to normalize as the mapping grows: 5, 17, 50 templates.

`python -m benchmarks.dispatch` normalizes the same flat messages, of five types, with
mappings that hold these five templates and others for devices that send nothing. Each
template costs a look for its gate in the raw message (`transforms/gates.py`) instead
of a scan. Shapes: a type is told by the name of a member (`{"heartRate": 72}`), or by
the text of one (`{"type": "heartRate", "value": 72}`).
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from statistics import median
from timeit import timeit
from typing import Any, NamedTuple

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks import fleet, measure
from transforms.device_mapping import DeviceMapping
from transforms.intake import Intake
from transforms.model import MessageBatch
from transforms.normalize import normalize

SIZES = (5, 17, 50)

TYPES = ("heartRate", "steps", "bloodPressure", "spo2", "weight")
_MEMBERS = {"bloodPressure": ("systolic", "diastolic")}


class Cost(NamedTuple):
    """Microseconds per message, medians, by number of templates."""

    shape: str
    us_per_message: dict[int, float]

    def ratio(self, size: int) -> float:
        """Cost of a mapping over that of the smallest."""
        return self.us_per_message[size] / self.us_per_message[SIZES[0]]


def _template(type_name: str, match: Any, values: dict[str, str]) -> dict[str, Any]:
    return {
        "templateType": "CalculatedContent",
        "template": {
            "typeName": type_name,
            "typeMatchExpression": match,
            "deviceIdExpression": "$.matchedToken.deviceId",
            "patientIdExpression": "$.matchedToken.patientId",
            "timestampExpression": "$.matchedToken.time",
            "values": [
                {"valueName": name, "valueExpression": path, "required": True}
                for name, path in values.items()
            ],
        },
    }


def _by_name(type_name: str) -> dict[str, Any]:
    members = _MEMBERS.get(type_name, (type_name,))
    values = {member: f"$.matchedToken.{member}" for member in members}
    return _template(type_name, f"$..[?(@{members[0]})]", values)


def _by_text(type_name: str) -> dict[str, Any]:
    match = f"$..[?(@.type == '{type_name}')]"
    return _template(type_name, match, {"value": "$.matchedToken.value"})


def _by_jmespath(type_name: str) -> dict[str, Any]:
    match = {"value": f"Body[?type == '{type_name}']", "language": "JmesPath"}
    return _template(type_name, match, {"value": "$.matchedToken.value"})


def mapping(make: Callable[[str], dict[str, Any]], size: int) -> DeviceMapping:
    """The five templates, and others that no message matches."""
    names = [*TYPES, *(f"unseen{number}" for number in range(size - len(TYPES)))]
    document = {
        "templateType": "CollectionContent",
        "template": [make(name) for name in names],
    }
    return DeviceMapping.from_json(json.dumps(document))


def _typed(payload: bytes) -> dict[str, Any]:
    """A message of the fleet that names its type as a text."""
    message = json.loads(payload)
    for type_name in TYPES:
        member = _MEMBERS.get(type_name, (type_name,))[0]
        if member in message:
            return {**message, "type": type_name, "value": message[member]}
    return {**message, "type": "other"}


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def batches(count: int) -> dict[str, MessageBatch]:
    """The same readings in each shape."""
    payloads = []
    for line in fleet.generate(count * 2, measure.SEED):
        # The malformed ones would only cost an error each.
        if _is_object(line):
            payloads.append(line.rstrip())
    payloads = payloads[:count]
    texts = [json.dumps(_typed(line)).encode() for line in payloads]
    arrays = [b"[" + text + b"]" for text in texts]
    return {
        "a member's name": _batch(payloads),
        "a member's text": _batch(texts),
        "a member's text, JMESPath": _batch(arrays),
    }


def _batch(payloads: list[bytes]) -> MessageBatch:
    return MessageBatch("fleet:", tuple(range(len(payloads))), tuple(payloads))


MAKERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "a member's name": _by_name,
    "a member's text": _by_text,
    "a member's text, JMESPath": _by_jmespath,
}


def costs(count: int, rounds: int) -> list[Cost]:
    """Times every shape and size, round after round in one process."""
    found = []
    for shape, batch in batches(count).items():
        mappings = {size: mapping(MAKERS[shape], size) for size in SIZES}
        taken: dict[int, list[float]] = {size: [] for size in SIZES}
        for _round in range(rounds):
            for size, compiled in mappings.items():
                seconds = timeit(
                    partial(normalize, batch, compiled, Intake()),
                    number=1,
                )
                taken[size].append(seconds / count * 1e6)
        found.append(Cost(shape, {size: median(taken[size]) for size in SIZES}))
    return found


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON object a shape")
    flags = parser.parse_args()
    measure.pin_to_one_core()
    found = costs(flags.messages, flags.rounds)
    if flags.json:
        for cost in found:
            print(json.dumps(cost._asdict()))
        return
    table = Table(box=SIMPLE, title="Normalize, µs per message")
    table.add_column("a type is told by")
    for size in SIZES:
        table.add_column(f"{size} templates", justify="right")
    for cost in found:
        cells = [
            f"{cost.us_per_message[size]:.1f} ({cost.ratio(size):.2f}×)"
            for size in SIZES
        ]
        table.add_row(cost.shape, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
