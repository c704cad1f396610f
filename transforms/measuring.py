"""Templates of which every expression leads to one member, measured without detours.

Most templates take a few members of the token they match. A text, a number, and an
optional member that is missing or null are taken as they are. At anything else (a
required value that is missing, a time that cannot be read, a truth value) the general
`measure` begins anew, so that what fails does so in one place and in one way.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from transforms.conversions import float_text
from transforms.evaluate import DeviceTemplate, measure, token_in_message, token_only
from transforms.evaluation import MISSING
from transforms.expressions import Expression
from transforms.jmespath_syntax import parse as parse_jmespath
from transforms.jsonpath import JsonPath
from transforms.jsonpath_functions import getter
from transforms.jsonpath_syntax import parse
from transforms.model import DeviceMessage, Measurement
from transforms.occurrence import MomentError
from transforms.template_kinds import MATCHED

Measure = Callable[[DeviceMessage, Any], Measurement]
"""From a message and a token that a template matches in it; raises what `measure` of
`transforms.evaluate` raises."""

_Get = Callable[[dict[str, Any], dict[str, Any]], Any]
"""From a token and the envelope to what an expression finds, None for nothing."""

_LARGE = 1e15
"""From here on some numbers have no text."""


class _Member(NamedTuple):
    """Where an expression leads."""

    name: str | None = None
    """Of a member of the token."""
    get: _Get | None = None
    """How to find it elsewhere. Without both there is nothing."""


def measurer(template: DeviceTemplate) -> Measure:
    """`measure` of one template, in the fastest way that its expressions allow."""
    general = partial(measure, template)
    if template.end is not None or any(value.flag for value in template.values):
        return general
    expressions = (
        template.device,
        template.timestamps[0],
        template.patient,
        *_rare_ids(template),
        *(value.expression for value in template.values),
    )
    members = []
    for expression in expressions:
        member = _member(template, expression)
        if member is None:
            return general
        members.append(member)
    return _measure_members(template, general, members)


def _rare_ids(template: DeviceTemplate) -> tuple[Expression | None, ...]:
    rare = (template.encounter, template.correlation, template.record)
    return () if rare == (None, None, None) else rare


def _measure_members(
    template: DeviceTemplate, general: Measure, members: list[_Member]
) -> Measure:
    names = [member.name for member in members]
    elsewhere = [(at, member.get) for at, member in enumerate(members) if member.get]
    first = len(members) - len(template.values)
    wanted = [
        (at, value.name, value.required)
        for at, value in enumerate(template.values, first)
    ]
    correlated = template.correlation is not None
    has_rare_ids = bool(_rare_ids(template))
    type_name, read_moment = template.type_name, template.read_moment
    new = tuple.__new__

    def measure_members(message: DeviceMessage, token: Any) -> Measurement:
        if type(token) is not dict:
            return general(message, token)
        envelope, ingested_at, source, _attributes = message
        found: list[Any] = [*map(token.get, names)]
        for at, get in elsewhere:
            found[at] = get(token, envelope)
        device = found[0]
        if type(device) is not str or not device or device.isspace():
            return general(message, token)
        patient = found[2]
        if patient is not None and type(patient) is not str:
            return general(message, token)
        encounter = session = record = None
        if has_rare_ids:
            encounter, session, record = found[3:6]
            if encounter is not None and type(encounter) is not str:
                return general(message, token)
            if correlated and (type(session) is not str or not session.strip()):
                return general(message, token)
            if record is not None:
                if type(record) is not str:
                    return general(message, token)
                record = record if record.strip() else None
        values: list[tuple[str, Any]] = []
        for at, name, required in wanted:
            value = found[at]
            kind = type(value)
            if kind is int:
                values.append((name, str(value)))
            elif kind is str and not (required and (not value or value.isspace())):
                values.append((name, value))
            elif kind is float and abs(value) < _LARGE:
                values.append((name, float_text(value)))
            elif value is not None or required:
                return general(message, token)
        if found[1] is None:
            return general(message, token)
        try:
            occurred_at, offset, tick = read_moment(found[1])
        except MomentError:
            return general(message, token)
        return new(
            Measurement,
            (
                type_name,
                occurred_at,
                None,
                offset,
                ingested_at,
                device,
                patient,
                encounter,
                session,
                tuple(values),
                source,
                tick,
                record,
                (),
            ),
        )

    return measure_members


def _member(template: DeviceTemplate, expression: Expression | None) -> _Member | None:
    """Where an expression of a template leads, None if it is no matter of names."""
    if expression is None:
        return _Member()
    keys = _keys(expression)
    if not keys:
        return None
    if template.scope is token_in_message:
        if keys[0] != MATCHED:
            select = expression.select
            return _Member(get=lambda token, envelope: _given(select(envelope)))
        keys = keys[1:]
    elif template.scope is not token_only:
        return None
    if len(keys) == 1 and isinstance(keys[0], str):
        return _Member(keys[0])
    get = getter(keys)
    return _Member(get=lambda token, envelope: _given(get(token)))


def _given(token: Any) -> Any:
    return None if token is MISSING else token


def _keys(expression: Expression) -> tuple[str | int, ...]:
    """The names and indexes that an expression consists of; empty if of more."""
    compiled = expression.compiled
    if isinstance(compiled, JsonPath):
        keys, rest = parse(compiled.text, medtech=compiled.medtech).divide()
        return () if rest else keys
    root = parse_jmespath(compiled.text, strict_literals=compiled.medtech)
    steps = root["children"] if root["type"] == "subexpression" else [root]
    if any(step["type"] != "field" for step in steps):
        return ()
    return tuple(step["value"] for step in steps)
