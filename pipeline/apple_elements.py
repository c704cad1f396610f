"""The elements of Apple's export.xml that become messages.

Each Record becomes a body with the members that say what was measured: `type`, `unit`,
`value`, `startDate`, `endDate` and, if they are there, the zone in which it was and
whether a person typed it in. What else stands in the file (the owner's date of birth
and sex, names of devices and apps, workouts and their routes, clinical records) is left
out.
"""

from pipeline.apple_pressures import HALVES, PRESSURE, Half, Pressures, pressure
from pipeline.converted import Json, Notes
from transforms.instants import MINUTE, InstantError, parse_instant
from transforms.time_zones import ZoneError, zone_named

_MEMBERS = ("unit", "value", "startDate", "endDate")

_METADATA = frozenset({"HKTimeZone", "HKWasUserEntered"})

_SLEEP = "HKCategoryTypeIdentifierSleepAnalysis"

_NOT_MEANT = frozenset({"ExportDate", "Me"})

_KNOWN = frozenset(
    {
        "ActivitySummary",
        "Audiogram",
        "ClinicalRecord",
        "Correlation",
        "StateOfMind",
        "VisionPrescription",
        "Workout",
    }
)

_DEEPEST = 32
"""Levels; real files have five."""


class TooDeepError(ValueError):
    """No export is nested like this."""


class Elements:
    """Takes what a parser meets.

    `ready` holds the bodies and their sources, `met` how many elements have begun.

    Args:
        pressures: where halves of blood pressures wait.
        notes: what is left out.
    """

    def __init__(self, pressures: Pressures, notes: Notes) -> None:
        self.ready: list[tuple[str, Json]] = []
        self.met = 0
        self._pressures = pressures
        self._notes = notes
        self._depth = 0
        self._record: dict[str, str] | None = None
        self._metadata: dict[str, str] = {}
        self._inner: list[dict[str, str]] | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins.

        Raises:
            TooDeepError: it is nested too deep.
        """
        self._depth += 1
        self.met += 1
        if self._depth == 2:
            self._top(name, attributes)
        elif name == "MetadataEntry":
            key = attributes.get("key", "")
            if key in _METADATA:
                self._metadata[key] = attributes.get("value", "")
        elif self._inner is not None and name == "Record" and self._depth == 3:
            self._inner.append(attributes)
        if self._depth > _DEEPEST:
            msg = f"elements are nested more than {_DEEPEST} deep"
            raise TooDeepError(msg)

    def _top(self, name: str, attributes: dict[str, str]) -> None:
        self._metadata = {}
        if name == "Record":
            self._record = attributes
        elif name == "Correlation" and attributes.get("type") == PRESSURE:
            self._inner = []
        elif name not in _NOT_MEANT:
            self._notes.left_out[name if name in _KNOWN else "other"] += 1

    def end(self, _name: str) -> None:
        """An element ends."""
        self._depth -= 1
        if self._depth != 1:
            return
        if self._record is not None:
            self._take(self._record)
            self._record = None
        elif self._inner is not None:
            halves = [self._half(each) for each in self._inner]
            found = [half for half in halves if half is not None]
            self._inner = None
            if found:
                self._pressures.together(found)
                self.ready.append((found[0].source, pressure(found)))

    def _take(self, record: dict[str, str]) -> None:
        half = self._half(record)
        if half is not None:
            self._pressures.alone(half)
            return
        kind = record.get("type", "")
        body: Json = {"type": kind}
        for name in _MEMBERS:
            if name in record:
                body[name] = record[name]
        if kind == _SLEEP:
            body |= _duration(record)
        if self._metadata and self._zone() is None:
            self._metadata.pop("HKTimeZone", None)
        if self._metadata:
            body["metadata"] = self._metadata
        self.ready.append((record.get("sourceName", ""), body))

    def _half(self, record: dict[str, str]) -> Half | None:
        name = HALVES.get(record.get("type", ""))
        if name is None:
            return None
        return Half(
            name,
            record.get("sourceName", ""),
            record.get("startDate", ""),
            record.get("endDate", ""),
            record.get("unit", ""),
            record.get("value", ""),
            self._zone(),
        )

    def _zone(self) -> str | None:
        """Where it was measured; None if that is not told, or no zone."""
        name = self._metadata.get("HKTimeZone")
        try:
            if name is not None:
                zone_named(name)
        except ZoneError:
            return None
        return name


def _duration(record: dict[str, str]) -> Json:
    """Minutes from start to end: the mapping language does not subtract times."""
    try:
        start, zone = parse_instant(record["startDate"])
        end, other = parse_instant(record["endDate"])
    except (KeyError, InstantError):
        return {}
    if zone is None or other is None:
        return {}
    minutes = (end - start) / MINUTE
    return {
        "duration": f"{minutes:.3f}".rstrip("0").rstrip("."),
        "durationUnit": "min",
    }
