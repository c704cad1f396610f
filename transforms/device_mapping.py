"""The device mapping: where in a message the values are.

`CollectionContent` with templates of four kinds, as the Azure MedTech service reads it
(https://learn.microsoft.com/azure/healthcare-apis/iot/overview-of-device-mapping).
Everything is compiled and checked at load; all findings are reported at once, with
line and column, those inside an expression at the character concerned.
"""

import dataclasses
from functools import cached_property, lru_cache
from typing import Any

from transforms.device_template_reader import read_template
from transforms.dispatch import Dispatch
from transforms.evaluate import DeviceTemplate
from transforms.expression_reader import Remarks
from transforms.located_json import Members
from transforms.mapping_reader import (
    INVALID_TEMPLATE,
    Findings,
    close_to,
    is_type,
    read_collection,
)
from transforms.rules import USUAL, Rules
from transforms.template_kinds import KINDS
from transforms.zoneless import zoneless_policy


@dataclasses.dataclass(frozen=True)
class DeviceMapping:
    """A compiled device mapping; it travels to workers as its text.

    Args:
        text: the file.
        file: its name, for people.
        rules: how it was read.
        templates: in the order of the file.
        remarks: uses of our extensions, and differences to MedTech.
    """

    text: str
    file: str
    rules: Rules
    templates: tuple[DeviceTemplate, ...] = dataclasses.field(compare=False)
    remarks: Remarks = dataclasses.field(compare=False)

    @classmethod
    def from_json(
        cls, text: str, file: str = "device.json", rules: Rules = USUAL
    ) -> "DeviceMapping":
        """Compiles a device mapping.

        Raises:
            MappingError: with every error of the file.
        """
        mapping, findings = load_device_mapping(text, file, rules)
        findings.raise_errors()
        return mapping

    @cached_property
    def dispatch(self) -> Dispatch:
        """Finds the templates that a message may concern."""
        return Dispatch(self.templates)

    def __reduce__(self) -> tuple[Any, tuple[str, str, Rules]]:
        return _revive, (self.text, self.file, self.rules)


@lru_cache(maxsize=8)
def _revive(text: str, file: str, rules: Rules) -> DeviceMapping:
    return DeviceMapping.from_json(text, file, rules)


def load_device_mapping(
    text: str, file: str, rules: Rules = USUAL
) -> tuple[DeviceMapping, Findings]:
    """Compiles what can be compiled, and reports everything else.

    Returns:
        The mapping of the templates without error, and all findings.
    """
    findings = Findings(file)
    remarks = Remarks()
    templates = []
    containers = read_collection(text, "CollectionContent", findings)
    rules = _with_policy_of_file(rules, findings, remarks)
    for given, place, node in containers:
        kind = next((k for k in KINDS if is_type(given, k.name, suffix=k.suffix)), None)
        if kind is None:
            hint = close_to(given, [kind.name for kind in KINDS])
            msg = f"No match found for template type {given}."
            findings.error(place, msg, hint)
            continue
        template = read_template(kind, node, rules, findings, remarks)
        if template is not None:
            templates.append(template)
    _warn_of_repetition(templates, findings)
    mapping = DeviceMapping(text, file, rules, tuple(templates), remarks)
    return mapping, findings


def _with_policy_of_file(rules: Rules, findings: Findings, remarks: Remarks) -> Rules:
    """A `zonelessTime` beside the root's templateType holds for all templates."""
    root = findings.root
    members = root.value if root is not None else None
    member = members.get("zonelessTime") if isinstance(members, Members) else None
    if member is None:
        return rules
    remarks.extensions.append(((member.line, member.column), "the key zonelessTime"))
    policy = zoneless_policy(member.node, findings)
    return rules if policy is None else dataclasses.replace(rules, zoneless=policy)


def _warn_of_repetition(templates: list[DeviceTemplate], findings: Findings) -> None:
    seen: dict[tuple[str, str, str], DeviceTemplate] = {}
    for template in templates:
        key = (template.type_name.lower(), template.match.text, template.device.text)
        first = seen.setdefault(key, template)
        if first is template or _names(first) != _names(template):
            continue
        findings.warning(
            template.position,
            f"the template of type [{template.type_name}] in line {first.position[0]}"
            " matches the same: every reading is measured twice",
            "remove one of them",
            INVALID_TEMPLATE,
        )


def _names(template: DeviceTemplate) -> set[str]:
    return {value.name for value in template.values}
