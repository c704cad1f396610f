"""A FHIR template beside its text, so that a finding can point at a code or a unit."""

from collections.abc import Iterator
from typing import NamedTuple

from transforms.fhir_mapping import FhirMapping
from transforms.fhir_template import Coding, FhirTemplate, FhirValue
from transforms.located_json import Members, Node
from transforms.mapping_reader import each


class Measured(NamedTuple):
    """A code and its value: an Observation's own, or those of a component."""

    codings: tuple[Coding, ...]
    value: FhirValue | None
    node: Node
    """The object that holds `codes` and `value`."""

    def coding_at(self, index: int) -> Node:
        """The `code` of a coding, or the coding if it has none."""
        codings = tuple(each(_items(self.node, "codes")))
        return node_of(codings[index], "code")

    @property
    def codes(self) -> Node:
        """The array of the codings."""
        return node_of(self.node, "codes")

    @property
    def value_node(self) -> Node:
        """The value's object."""
        return node_of(self.node, "value")


class Located(NamedTuple):
    """A template and its places."""

    template: FhirTemplate
    own: Measured
    components: tuple[Measured, ...]

    @property
    def every(self) -> tuple[Measured, ...]:
        """What the Observation measures itself, and its components."""
        return (self.own, *self.components)


def located(mapping: FhirMapping, root: Node) -> Iterator[Located]:
    """The templates of a mapping without error, with their places.

    Args:
        mapping: what was read.
        root: the same file.
    """
    at = {
        (node.line, node.column): node
        for container in _items(root, "template")
        if (node := node_of(container, "template")) is not container
    }
    for template in mapping.templates.values():
        node = at[template.position]
        parts = each(_items(node, "components"))
        components = zip(template.components, parts, strict=True)
        yield Located(
            template,
            Measured(template.codings, template.value, node),
            tuple(Measured(*component, part) for component, part in components),
        )


def node_of(node: Node, *names: str) -> Node:
    """The value of the first of these keys that is there; without any the object."""
    members = node.value if isinstance(node.value, Members) else Members({})
    for name in names:
        member = members.get(name)
        if member is not None and member.node.value is not None:
            return member.node
    return node


def _items(node: Node, name: str) -> tuple[Node, ...]:
    value = node_of(node, name).value
    return value if isinstance(value, tuple) else ()
