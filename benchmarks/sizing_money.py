"""What of a fleet is paid for, a month: amounts and formulas, and no prices of ours."""

from collections.abc import Mapping
from typing import NamedTuple

from benchmarks.sizing_answer import Answer
from benchmarks.sizing_inputs import DAY_S, HOUR_S, Costs

MONTH_H = 730

PRICES = {
    "core_hour": "a core for an hour",
    "fhir_million": "a million Observations written to the FHIR server",
    "fhir_gb_month": "a GB in the FHIR server for a month",
    "put_million": "a million writes to object storage",
    "get_million": "a million reads from object storage",
    "storage_gb_month": "a GB in object storage for a month",
    "kafka_gb_month": "a GB on the broker's disks for a month",
    "partition_hour": "a partition for an hour",
}
"""What users put in: nobody's prices stand here."""


class Driver(NamedTuple):
    """What is paid for, a month."""

    price: str
    """Its name in `PRICES`."""
    amount: float
    formula: str


def drivers(found: Answer, costs: Costs) -> list[Driver]:
    """What is paid for, a month, in the order of the chain."""
    fleet, plan, mean = found.fleet, found.plan, found.mean
    days = MONTH_H / 24
    cores = (found.python_cores + found.java_cores) / plan.busy
    firings = mean.firings * DAY_S * days
    kafka = fleet.per_s * fleet.message_bytes * HOUR_S * plan.retention_h
    return [
        Driver("fhir_million", found.written * days / 1e6, "sent a day × 30.4"),
        Driver("core_hour", cores * MONTH_H, "cores ÷ busy × 730"),
        Driver(
            "fhir_gb_month",
            found.observations * days * costs.ndjson_bytes / 1e9,
            "Observations × JSON bytes, and this more each month; versions apart",
        ),
        Driver("put_million", 2 * firings / 1e6, "firings × 2 tables"),
        Driver("get_million", 4 * firings / 1e6, "firings × (2 tables + 2 looks)"),
        Driver("storage_gb_month", found.kept * days / 1e9, "and this more each month"),
        Driver("kafka_gb_month", kafka * plan.replicas / 1e9, "retained"),
        Driver("partition_hour", found.partitions * MONTH_H, "partitions × 730"),
    ]


def priced(
    some: list[Driver], prices: Mapping[str, float]
) -> list[tuple[Driver, float | None]]:
    """Drivers with their cost, the dearest first; without prices in their order."""
    costs = [
        (one, one.amount * prices[one.price] if one.price in prices else None)
        for one in some
    ]
    return sorted(costs, key=lambda pair: -(pair[1] or 0.0))
