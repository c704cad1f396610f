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
    names_of,
    places_in,
    shape_of,
    values_in,
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


_MOST_TEXTS = 256
"""Combinations of gates among the values, of messages of one shape."""

_ByTexts = dict[frozenset[str], tuple[Candidate, ...]]
"""From the gates that are values of a flat message to its templates."""


class Dispatch:
    """Finds the templates for a message.

    Args:
        templates: of a mapping, in the order of the file.
    """

    def __init__(self, templates: Sequence[DeviceTemplate]) -> None:
        self._all = tuple(Candidate(t, measurer(t)) for t in templates)
        self._gates = frozenset(gate[1:-1] for t in templates for gate in t.gates)
        self._known: dict[frozenset[bytes], tuple[Candidate, ...]] = {}
        # Which of the gates a value may be, too; most mappings have none of them.
        texts = (
            texts_of(t.match.compiled, None if t.when is None else t.when.compiled)
            for t in templates
        )
        self._texts = frozenset[str]().union(*texts)
        self._shapes: dict[Shape, _ByTexts | None] = {}
        # A condition may fail where the match finds nothing, and gates are those of
        # both: what stands in the raw message decides whether it is asked at all.
        self._by_shape = all(template.when is None for template in templates)

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
            try:
                by_texts = self._shapes[shape]
            except KeyError:
                by_texts = self._new_shape(shape)
            if by_texts is not None:
                texts = self._texts
                present = texts.intersection(values_in(envelope)) if texts else texts
                known = by_texts.get(present)
                if known is None:
                    known = self._select_flat(names_of(shape) | present, envelope)
                    if len(by_texts) >= _MOST_TEXTS:
                        by_texts.clear()
                    by_texts[present] = known
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

    def _new_shape(self, shape: Shape) -> _ByTexts | None:
        # Those that come first stay: where shapes never end, none is met again.
        by_texts: _ByTexts | None = {} if is_flat(shape) else None
        if len(self._shapes) < _MOST_KINDS:
            self._shapes[shape] = by_texts
            return by_texts
        return None

    def _select_flat(
        self, present: frozenset[str], envelope: dict[str, Any]
    ) -> tuple[Candidate, ...]:
        """The templates for a flat message with these names and texts."""
        quoted = {text.encode() for text in present}
        selected = []
        for candidate in self._select(self._gates.intersection(quoted)):
            places = None
            if asks_for_names(candidate.template):
                places = places_in(candidate.template, envelope)
            if places != ():
                selected.append(candidate._replace(places=places))
        return tuple(selected)
