"""What the two mapping files have in common: containers, keys and findings.

All findings of a file are collected in one pass. Container keys that are not known are
ignored and keys match whatever their case, as the Azure MedTech service reads them;
keys inside a template must be known ones.
"""

import dataclasses
import difflib
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from transforms.errors import MappingError, Problem
from transforms.located_json import LocatedJsonError, Member, Members, Node, parse

INVALID_TEMPLATE = "InvalidTemplateException"
INVALID_EXPRESSION = "TemplateExpressionException"
UNREACHABLE = "UnreachableTemplate"

Place = Node | Member | tuple[int, int]


@dataclasses.dataclass
class Findings:
    """Collects what is wrong in one file.

    Args:
        file: the file's name, for people.
    """

    file: str
    problems: list[Problem] = dataclasses.field(default_factory=list)
    root: Node | None = None
    """The file's JSON, once it was read."""

    def error(
        self,
        at: Place,
        message: str,
        suggestion: str = "",
        code: str = INVALID_TEMPLATE,
    ) -> None:
        """Adds an error: the mapping will not be launched."""
        self._add("error", at, message, suggestion, code)

    def warning(
        self,
        at: Place,
        message: str,
        suggestion: str = "",
        code: str = INVALID_TEMPLATE,
    ) -> None:
        """Adds a warning."""
        self._add("warning", at, message, suggestion, code)

    def _add(
        self,
        severity: Literal["error", "warning"],
        at: Place,
        message: str,
        suggestion: str,
        code: str,
    ) -> None:
        line, column = at if isinstance(at, tuple) else (at.line, at.column)
        problem = Problem(severity, code, self.file, line, column, message, suggestion)
        self.problems.append(problem)

    @property
    def errors(self) -> list[Problem]:
        """The errors among the findings."""
        return [found for found in self.problems if found.severity == "error"]

    def raise_errors(self) -> None:
        """Stops the launch if there is an error.

        Raises:
            MappingError: with all errors.
        """
        if self.errors:
            raise MappingError(self.errors)


def close_to(name: str, known: Iterable[str]) -> str:
    """A suggestion for a misspelt name, empty if none is close."""
    by_lower = {each.lower(): each for each in known}
    found = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return f"did you mean {by_lower[found[0]]}?" if found else ""


class Container(NamedTuple):
    """One `{templateType, template}` of a collection."""

    template_type: str
    type_place: Node
    template: Node


def read_collection(text: str, root_type: str, findings: Findings) -> list[Container]:
    """Reads the root of a mapping file and its containers.

    Args:
        text: the file.
        root_type: `CollectionContent` or `CollectionFhir`.
        findings: where errors go.
    """
    try:
        root = parse(text)
    except LocatedJsonError as error:
        place = (error.line, error.column)
        findings.error(place, error.message, error.suggestion, "InvalidJson")
        return []
    findings.root = root
    if not isinstance(root.value, Members):
        findings.error(root, "the file must hold a JSON object")
        return []
    found = _template_type(root, findings)
    if found is None:
        return []
    given, type_node = found
    if not is_type(given, root_type):
        findings.error(
            type_node,
            f"Expected TemplateType value {root_type}Template, actual {given}.",
            "is this the other mapping file?" if given.startswith("Collection") else "",
        )
        return []
    template = root.value.get("template")
    if template is None or not isinstance(template.node.value, tuple):
        msg = (
            "Expected an array for the template property value for template type"
            f" {given}."
        )
        findings.error(template.node if template else root, msg)
        return []
    containers = (_container(node, findings) for node in template.node.value)
    return [container for container in containers if container is not None]


def _container(node: Node, findings: Findings) -> Container | None:
    if not isinstance(node.value, Members):
        findings.error(node, "a template must be an object with templateType, template")
        return None
    found = _template_type(node, findings)
    if found is None:
        return None
    given, place = found
    template = node.value.get("template")
    if template is None or not isinstance(template.node.value, Members):
        msg = (
            "Expected an object for the template property value for template type"
            f" {given}."
        )
        findings.error(template.node if template else node, msg)
        return None
    return Container(given, place, template.node)


def _template_type(node: Node, findings: Findings) -> tuple[str, Node] | None:
    members = node.value
    member = members.get("templateType") if isinstance(members, Members) else None
    if member is None:
        findings.error(node, "templateType is missing", 'add "templateType"')
        return None
    if not isinstance(member.node.value, str):
        findings.error(member.node, "templateType must be a string")
        return None
    return member.node.value, member.node


def is_type(given: str, name: str, *, suffix: bool = True) -> bool:
    """Whether a templateType means `name`: any case, with or without `Template`."""
    names = {name.lower(), f"{name.lower()}template"} if suffix else {name.lower()}
    return given.lower() in names


class Fields:
    """The keys of one object of a template.

    Args:
        node: the object.
        kind: what the object is, as MedTech's messages name it.
        known: its keys; any other one is reported.
        findings: where errors go.
        unknown: what a key that is not known is.
    """

    def __init__(
        self,
        node: Node,
        kind: str,
        known: Iterable[str],
        findings: Findings,
        *,
        unknown: Literal["error", "warning", "ignored"] = "error",
    ) -> None:
        self.node = node
        self._findings = findings
        self._members = node.value if isinstance(node.value, Members) else Members({})
        if not isinstance(node.value, Members):
            findings.error(node, f"{kind} must be an object")
        names = list(known)
        lower = {name.lower() for name in names}
        if unknown == "ignored":
            return
        report = findings.error if unknown == "error" else findings.warning
        for member in self._members:
            if member.name.lower() not in lower:
                msg = (
                    f"Could not find member '{member.name}' on object of type '{kind}'"
                )
                report(member, msg, close_to(member.name, names))
        for member in self._members.duplicates:
            msg = (
                f"the key '{member.name}' stands here and again below: the last counts"
            )
            findings.warning(member, msg, "remove one of them")

    def member(self, name: str) -> Member | None:
        """A key with its place; None if it is absent."""
        return self._members.get(name)

    def get(self, name: str, *, required: bool = False) -> Node | None:
        """The value of a key; None if it is absent or null."""
        member = self._members.get(name)
        pascal = name[0].upper() + name[1:]
        if member is None:
            if required and isinstance(self.node.value, Members):
                msg = f"Required property '{pascal}' not found in JSON."
                self._findings.error(self.node, msg, f'add "{name}"')
            return None
        if member.node.value is None:
            if required:
                msg = f"Required property '{pascal}' expects a value but got null."
                self._findings.error(member.node, msg)
            return None
        return member.node

    def text(self, name: str, *, required: bool = False) -> str | None:
        """A string; numbers and other kinds are errors."""
        node = self.get(name, required=required)
        if node is None:
            return None
        if not isinstance(node.value, str):
            self._findings.error(node, f"'{name}' must be a string")
            return None
        return node.value

    def name(self, name: str) -> str | None:
        """A required string that is not blank."""
        text = self.text(name, required=True)
        node = self.get(name)
        if text is not None and node is not None and not text.strip():
            self._findings.error(node, f"'{name}' must not be blank")
            return None
        return text

    def items(self, name: str, *, required: bool = False) -> tuple[Node, ...]:
        """The entries of an array; none if it is absent."""
        node = self.get(name, required=required)
        if node is None:
            return ()
        if not isinstance(node.value, tuple):
            self._findings.error(node, f"'{name}' must be an array")
            return ()
        return node.value

    def flag(self, name: str) -> bool:
        """A boolean, or the string or number that MedTech takes for one."""
        node = self.get(name)
        if node is None:
            return False
        value = node.value
        if isinstance(value, str) and value.strip().lower() in ("true", "false"):
            return value.strip().lower() == "true"
        if isinstance(value, (bool, int, float)):
            return bool(value)
        self._findings.error(node, f"'{name}' must be true or false")
        return False


def location(findings: Findings, node: Node) -> str:
    """File and line of a node, as dead letters name it."""
    return f"{findings.file}:{node.line}"


def each(nodes: Iterable[Node]) -> Iterator[Node]:
    """The entries of an array that are not null."""
    return (node for node in nodes if node.value is not None)
