"""Which templates of a mapping a message may concern, found in one look at its bytes.

A mapping for many devices holds templates that most messages do not concern. Their
gates (`transforms/gates.py`) are looked up all at once: what stands between two quotes
of the message is compared with the set of all gates, so that the cost does not grow
with the number of templates.
"""

from collections.abc import Sequence

from transforms.evaluate import DeviceTemplate

_LONG = 8192
"""Bytes from which on searching for each gate is faster than cutting at each quote."""

_MOST_KINDS = 4096
"""Combinations of gates that are remembered."""


class Dispatch:
    """Finds the templates for a message.

    Args:
        templates: of a mapping, in the order of the file.
    """

    def __init__(self, templates: Sequence[DeviceTemplate]) -> None:
        self._templates = tuple(templates)
        self._gates = frozenset(gate[1:-1] for t in templates for gate in t.gates)
        self._known: dict[frozenset[bytes], tuple[DeviceTemplate, ...]] = {}

    def candidates(self, payload: bytes) -> tuple[DeviceTemplate, ...]:
        """The templates whose gates all stand in a message, in the order of the file.

        Args:
            payload: the message as received.
        """
        if b"\\u" in payload:  # a name may be written with escapes
            return self._templates
        if len(payload) < _LONG:
            present = self._gates.intersection(payload.split(b'"'))
        else:
            present = frozenset(g for g in self._gates if b'"%b"' % g in payload)
        known = self._known.get(present)
        return self._select(present) if known is None else known

    def _select(self, present: frozenset[bytes]) -> tuple[DeviceTemplate, ...]:
        selected = tuple(
            template
            for template in self._templates
            if all(gate[1:-1] in present for gate in template.gates)
        )
        if len(self._known) >= _MOST_KINDS:
            self._known.clear()
        self._known[present] = selected
        return selected
