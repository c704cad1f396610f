"""Which templates of a mapping a message may concern, found in one look at it.

A mapping for many devices holds templates that most messages do not concern. Their
gates (`transforms/gates.py`) are looked up all at once: what stands between two quotes
of the message is compared with the set of all gates, so that the cost does not grow
with the number of templates. What was found for a flat message holds for every other
of the same shape (`transforms/shapes.py`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from transforms.evaluate import DeviceTemplate
from transforms.gates import texts_of
from transforms.measuring import Measure, measurer
from transforms.model import DeviceMessage
from transforms.shapes import (
    Shape,
    asks_for_names,
    is_flat,
    places_in,
    shape_of,
)

_LONG = 8192
"""Bytes from which on searching for each gate is faster than cutting at each quote."""

_MOST_KINDS = 4096
"""Combinations of gates, and shapes, that are remembered."""


class Candidate(NamedTuple):
    """A template that a message may concern."""

    template: DeviceTemplate
    measure: Measure
    places: tuple[str | None, ...] | None = None
    """The parts of the envelope (None: all of it) that are its matches; without them
    `matches` must find out."""


class Dispatch:
    """Finds the templates for a message.

    Args:
        templates: of a mapping, in the order of the file.
    """

    def __init__(self, templates: Sequence[DeviceTemplate]) -> None:
        self._all = tuple(Candidate(t, measurer(t)) for t in templates)
        self._gates = frozenset(gate[1:-1] for t in templates for gate in t.gates)
        self._known: dict[frozenset[bytes], tuple[Candidate, ...]] = {}
        self._by_shape = all(map(_is_matter_of_shape, templates))
        self._of_flat: dict[Shape, tuple[Candidate, ...]] = {}
        self._not_flat: set[Shape] = set()

    def concerned(
        self, message: DeviceMessage, payload: bytes
    ) -> tuple[Candidate, ...]:
        """The templates that can match a message or fail on it, in the file's order.

        Args:
            message: the message, parsed.
            payload: the message as received.
        """
        envelope = message.envelope
        shape = shape_of(envelope) if self._by_shape else None
        if shape is not None:
            known = self._of_flat.get(shape)
            if known is None and shape not in self._not_flat:
                known = self._new_shape(shape, message, payload)
            if known is not None and is_flat(message, payload):
                return known
        if message.attributes is not None:  # a template may ask for what is only there
            properties, system, _enqueued_at = message.attributes
            payload += orjson.dumps((properties, system))
        return self.candidates(payload)

    def candidates(self, payload: bytes) -> tuple[Candidate, ...]:
        """The templates whose gates all stand in a message, in the order of the file.

        Args:
            payload: the message as received.
        """
        if b"\\u" in payload:  # a name may be written with escapes
            return self._all
        if len(payload) < _LONG:
            present = self._gates.intersection(payload.split(b'"'))
        else:
            present = frozenset(g for g in self._gates if b'"%b"' % g in payload)
        known = self._known.get(present)
        return self._select(present) if known is None else known

    def _select(self, present: frozenset[bytes]) -> tuple[Candidate, ...]:
        selected = tuple(
            candidate
            for candidate in self._all
            if all(gate[1:-1] in present for gate in candidate.template.gates)
        )
        if len(self._known) >= _MOST_KINDS:
            self._known.clear()
        self._known[present] = selected
        return selected

    def _new_shape(
        self, shape: Shape, message: DeviceMessage, payload: bytes
    ) -> tuple[Candidate, ...] | None:
        # Those that come first stay: where shapes never end, none is met again.
        if len(self._of_flat) + len(self._not_flat) >= _MOST_KINDS:
            return None
        if not is_flat(message, payload):
            self._not_flat.add(shape)
            return None
        self._of_flat[shape] = selected = self._select_flat(shape, message.envelope)
        return selected

    def _select_flat(
        self, shape: Shape, envelope: dict[str, Any]
    ) -> tuple[Candidate, ...]:
        """The templates for the flat messages of one shape, and what they match."""
        names = {name.encode() for name in shape if name is not None}
        selected = []
        for candidate in self._select(self._gates.intersection(names)):
            places = None
            if asks_for_names(candidate.template):
                places = places_in(candidate.template, envelope)
            if places != ():
                selected.append(candidate._replace(places=places))
        return tuple(selected)


def _is_matter_of_shape(template: DeviceTemplate) -> bool:
    """Whether the shape of a flat message tells that a template cannot concern it.

    It does not tell of gates that are values. A condition, or a regular expression that
    takes too long, may fail where a gate of the match is missing: then what stands in
    the raw message decides whether they are asked at all.
    """
    match = template.match
    may_fail = template.when is not None or "=~" in match.text
    return not may_fail and not texts_of(match.compiled)
