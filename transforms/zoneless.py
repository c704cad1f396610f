"""The key `zonelessTime`: what a time without a zone is."""

import datetime

from transforms.located_json import Node
from transforms.mapping_reader import Findings
from transforms.rules import Rules, zone_of


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


def zone_for(policy: str | None, rules: Rules) -> datetime.tzinfo | None:
    """The zone of zone-less times of a template.

    Args:
        policy: what the template says, None if nothing.
        rules: what holds otherwise.
    """
    if policy is None and rules.medtech and rules.zoneless == "reject":
        return zone_of("utc")
    return zone_of(rules.zoneless if policy is None else policy)
