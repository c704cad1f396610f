"""Parts of an Observation: which of ours is which on a server, and which are absent.

A vital sign without a value says so, and half a blood pressure says that the other half
is absent (`transforms.vital_signs`). On a server that half may have a value that others
have sent: only what is missing there too may be said to be absent.
"""

import copy
from collections.abc import Collection, Sequence
from typing import Any

from transforms.observation_value import UNSENT, reason_of
from transforms.value_mould import SERVICE

Resource = dict[str, Any]


def element_of(holder: Resource) -> str | None:
    """The name of what stands for the value, a reason of its absence included."""
    for name in holder:
        if name.startswith("value") or name == "dataAbsentReason":
            return name
    return None


def service_code(component: Resource) -> str | None:
    """MedTech's code of a component: the name of its value."""
    for coding in component["code"].get("coding", ()):
        if coding.get("system") == SERVICE:
            return coding.get("code")
    return None


def counterpart(components: Sequence[Resource], new: Resource) -> int | None:
    """Index of the component of the same code, else of the one MedTech takes for it.

    Several aggregates of one value share MedTech's coding and differ in their own.
    """
    name = service_code(new)
    same = (i for i, part in enumerate(components) if part["code"] == new["code"])
    served = (i for i, part in enumerate(components) if service_code(part) == name)
    return next(iter((*same, *served)), None)


def is_unsent(holder: Resource) -> bool:
    """Whether an Observation or component says that nobody has sent its value."""
    return bool(holder.get("dataAbsentReason") == reason_of(UNSENT))


def without_unsent(
    new: Resource, own: str | None, sent: Collection[str | None]
) -> Resource:
    """Our Observation without the reasons of absence that no reading gives.

    Args:
        new: our Observation.
        own: name of its own value; None if its template has none.
        sent: names of the values that have readings.
    """
    said = dict(new)
    if own is None or own not in sent:
        said.pop("dataAbsentReason", None)
    said["component"] = [
        part
        for part in new.get("component", ())
        if "dataAbsentReason" not in part or service_code(part) in sent
    ]
    return said


def tell_unsent(result: Resource, new: Resource) -> None:
    """Adds the reasons of absence of our Observation for what the result lacks."""
    components: list[Resource] = result.get("component", [])
    for part in new.get("component", ()):
        if "dataAbsentReason" in part and counterpart(components, part) is None:
            components.append(copy.deepcopy(part))
    if components:
        result["component"] = components
        # What was said when there was nothing at all is no longer true.
        if "dataAbsentReason" not in new and is_unsent(result):
            del result["dataAbsentReason"]
    elif element_of(result) is None and "dataAbsentReason" in new:
        result["dataAbsentReason"] = copy.deepcopy(new["dataAbsentReason"])
