"""Calls of functions that can work on no message: errors when a mapping is loaded."""

import difflib
from collections.abc import Callable
from typing import Any

from transforms.functions import EXTENSIONS, MappingFunctions
from transforms.jmespath_calls import rejects, wants_reference
from transforms.jmespath_syntax import JmesPathError, Node, nodes
from transforms.local_times import UnitError, unit_named
from transforms.time_formats import FormatError, time_format
from transforms.time_zones import ZoneError, close_zone, zone_named

_TEXTS: dict[tuple[str, int], Callable[[str], Any]] = {
    ("toUtc", 1): zone_named,
    ("toZone", 1): zone_named,
    ("parseDateTime", 1): time_format,
    ("parseDateTime", 2): zone_named,
    ("addDuration", 2): unit_named,
}
"""What reads an argument, by name of the function and position; a literal is read at
once."""


def check_calls(root: Node, *, literals: bool) -> None:
    """Checks all calls of an expression.

    Args:
        root: its tree.
        literals: whether literals of a wrong kind are errors, too; as arguments of our
            own functions they always are.

    Raises:
        JmesPathError: a call can never work.
    """
    references = set()
    for node in nodes(root):
        if node["type"] == "function_expression":
            _check_count(node)
            references |= _check_references(node)
            if literals or node["value"] in EXTENSIONS:
                _check_literals(node)
    for node in nodes(root):
        if node["type"] == "expref" and id(node) not in references:
            msg = (
                "an expression with & can only be an argument of map, sort_by and such"
            )
            raise JmesPathError(msg, node["position"])


def _check_count(node: Node) -> None:
    name, given = node["value"], len(node["children"])
    table = MappingFunctions.FUNCTION_TABLE
    if name not in table:
        close = difflib.get_close_matches(name, table, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else ""
        msg = f"there is no function {name}"
        raise JmesPathError(msg, node["position"], hint)
    signature = table[name]["signature"]
    most = len(signature)
    least = sum(not entry.get("optional") for entry in signature)
    variadic = signature[-1].get("variadic", False)
    # The parts of a date are all optional, and useless one by one.
    counts = {least, most} if name == "dateFromParts" else {*range(least, most + 1)}
    if given not in counts and not (variadic and given > most):
        wanted = " or ".join(map(str, sorted(counts)))
        wanted = f"at least {wanted}" if variadic else wanted
        noun = "argument" if counts == {1} else "arguments"
        msg = f"{name} takes {wanted} {noun}, not {given}"
        raise JmesPathError(msg, node["position"])


def _check_references(node: Node) -> set[int]:
    """Identities of the `&…` that are arguments as they should be."""
    found = set()
    for position, argument in enumerate(node["children"]):
        if wants_reference(node["value"], position):
            if argument["type"] != "expref":
                msg = f"{node['value']} wants an expression as argument {position + 1}"
                hint = "write & before it"
                raise JmesPathError(msg, node["position"], hint)
            found.add(id(argument))
    return found


def _check_literals(node: Node) -> None:
    name, arguments = node["value"], node["children"]
    for position, argument in enumerate(arguments):
        if argument["type"] != "literal":
            continue
        msg = rejects(name, position, len(arguments), argument["value"])
        if msg:
            hint = ""
            if isinstance(argument["value"], str) and "wants number" in msg:
                hint = "write numbers in backticks, e.g. `2`"
            raise JmesPathError(msg, argument["position"], hint)
        if isinstance(argument["value"], str):
            _check_text(name, position, argument)


def _check_text(name: str, position: int, argument: Node) -> None:
    read = _TEXTS.get((name, position))
    if read is None:
        return
    try:
        read(argument["value"])
    except (FormatError, UnitError) as error:
        msg = f"{name}: {error}"
        raise JmesPathError(msg, argument["position"]) from error
    except ZoneError as error:
        close = close_zone(argument["value"])
        hint = f"did you mean {close}?" if close else ""
        msg = f"{name}: {error}"
        raise JmesPathError(msg, argument["position"], hint) from error
