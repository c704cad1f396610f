"""How the two mapping files are read where the Azure MedTech service leaves a choice.

Without `medtech` the language means what its documentation says, and loses nothing;
with it, what the service's open-source code does, to the letter, its bugs that lose or
misfile data excepted. `templates/README.md` lists every difference.
"""

import dataclasses
import zoneinfo

REJECT = "reject"
UTC = "utc"
FLAG = "flag"
AS_SENT = "pass"
UNIT_POLICIES = (REJECT, FLAG, AS_SENT)


@dataclasses.dataclass(frozen=True)
class Rules:
    """Decisions that hold for a whole run.

    Args:
        medtech: results as the open-source service has them (`--compat=medtech`).
        zoneless: what a time without a zone is: `reject` (a dead letter), `utc`, or the
            IANA name of the zone it was read in; None for what the mode has: `utc`
            with `medtech`, else `reject`.
        units: what a number outside its range is, as if in another unit: `reject` (the
            measurement is a dead letter), `flag` (the value is absent, as an error) or
            `pass`. `reject` and `flag` also hold numbers to what is plausible where the
            mapping states no range. None: `reject`, by the ranges of the mapping alone:
            by default no critical value may be withheld from an Observation that the
            same files have made before.
    """

    medtech: bool = False
    zoneless: str | None = None
    units: str | None = None

    @property
    def zoneless_policy(self) -> str:
        """What a time without a zone is."""
        return self._usual_policy if self.zoneless is None else self.zoneless

    @property
    def _usual_policy(self) -> str:
        return UTC if self.medtech else REJECT

    @property
    def tag(self) -> str:
        """What tells runs of one mapping apart; empty for the usual rules."""
        units = "" if self.units is None else f"units={self.units}"
        return ",".join(part for part in (self.store_tag, units) if part)

    @property
    def store_tag(self) -> str:
        """The part of it that times and ids depend on: a store holds one of them.

        Ranges decide which numbers become values, as other parts of a mapping do. Those
        may change while a store is in use.
        """
        policy = self.zoneless_policy
        zoneless = "" if policy == self._usual_policy else f"zoneless={policy}"
        mode = "medtech" if self.medtech else ""
        return ",".join(part for part in (mode, zoneless) if part)


USUAL = Rules()
MEDTECH = Rules(medtech=True)


def zone_of(policy: str) -> zoneinfo.ZoneInfo | None:
    """The zone of a policy for zone-less times; None rejects them.

    Raises:
        ValueError: it is neither `reject`, `utc` nor a known IANA name.
    """
    if policy.lower() == REJECT:
        return None
    name = "UTC" if policy.lower() == UTC else policy
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f"{policy!r} is neither reject, utc nor an IANA time zone"
        raise ValueError(msg) from error
