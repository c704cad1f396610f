"""The key `zonelessTime`: what a time without a zone is."""

from transforms.located_json import Node
from transforms.mapping_reader import Findings
from transforms.rules import zone_of


def zoneless_policy(node: Node, findings: Findings) -> str | None:
    """The policy that a mapping file names, None (and an error) if it is none."""
    if not isinstance(node.value, str):
        findings.error(node, "'zonelessTime' must be a string")
        return None
    try:
        zone_of(node.value)
    except ValueError:
        msg = "'zonelessTime' must be reject, utc or an IANA time zone"
        findings.error(node, msg, "write it like Europe/Paris")
        return None
    return node.value
