"""Shapes of messages: the names of their members, without the values.

Devices send the same few shapes over and over. In a flat message, whose objects hold
no others, the shape tells which names stand in it, and where an expression that only
asks for names finds something.
"""

from typing import Any

from transforms.evaluate import DeviceTemplate
from transforms.evaluation import EvaluationError
from transforms.jsonpath import JsonPath
from transforms.jsonpath_syntax import parse
from transforms.jsonpath_traits import compares
from transforms.jsonpath_values import CONTAINERS
from transforms.model import DeviceMessage

Shape = tuple[str | None, ...]
"""Names, in the order of the message; None between the parts of the envelope."""

_MOST_MEMBERS = 64
"""A larger message is rarely flat, and rarely of the shape of another."""


def shape_of(envelope: dict[str, Any]) -> Shape | None:
    """The shape of a message in its envelope, None if it cannot be a flat one."""
    get = envelope.get
    body, own, system = get("Body"), get("Properties"), get("SystemProperties")
    if not (type(body) is type(own) is type(system) is dict) or len(envelope) != 3:
        return None
    if len(body) + len(own) + len(system) > _MOST_MEMBERS:
        return None
    return (*envelope, *body, None, *own, None, *system)


_OF_ENVELOPE = 4
"""Objects in a flat message with its envelope, which is one itself."""


def is_flat(message: DeviceMessage, payload: bytes) -> bool:
    """Whether no part of an envelope with a shape holds objects or arrays.

    Args:
        message: the message, parsed; its envelope has a shape.
        payload: the message as received.
    """
    envelope = message.envelope
    # Soon seen in the bytes, if the envelope stands in them: one that we have put the
    # message into has no system properties, or those that came beside it.
    if (
        message.attributes is None
        and envelope["SystemProperties"]
        and payload.count(b"{") == _OF_ENVELOPE
        and b"[" not in payload
    ):
        return True
    values = (
        *envelope["Body"].values(),
        *envelope["Properties"].values(),
        *envelope["SystemProperties"].values(),
    )
    return CONTAINERS.isdisjoint(map(type, values))


def asks_for_names(template: DeviceTemplate) -> bool:
    """Whether it depends on the shape of a flat message alone what a template matches.

    Work is then the same for all messages of a shape, too.
    """
    path = template.match.compiled
    if template.when is not None or template.whole or not isinstance(path, JsonPath):
        return False
    wants_tokens = template.find is path.find
    return wants_tokens and not compares(parse(path.text, medtech=path.medtech))


def places_in(
    template: DeviceTemplate, envelope: dict[str, Any]
) -> tuple[str | None, ...] | None:
    """Where a template that asks for names matches, in flat messages of one shape.

    Args:
        template: it.
        envelope: one of the messages.

    Returns:
        The names of the parts of the envelope that it finds, None for the envelope
        itself, in the order found. None if it finds others, or fails.
    """
    # Values stay out, and each part is an object of its own.
    bare = {name: dict.fromkeys(envelope[name]) for name in envelope}
    parts: dict[int, str | None] = {id(part): name for name, part in bare.items()}
    parts[id(bare)] = None
    try:
        found = template.find(bare)
    except EvaluationError:
        return None
    if not all(id(token) in parts for token in found):
        return None
    return tuple(parts[id(token)] for token in found)
