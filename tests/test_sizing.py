"""The cost model: laws that hold whatever was measured, and the page made of it."""

import json
import math
import re

import pytest

from benchmarks import sizing, sizing_table
from benchmarks.sizing_answer import FLEETS, answer
from benchmarks.sizing_check import NIGHT, compared, fitted, slots_of
from benchmarks.sizing_inputs import Costs, FileBytes, Linear, Plan, Runner
from benchmarks.sizing_lines import lines
from benchmarks.sizing_loads import LOADS, Observed, Rows, from_json, to_json
from benchmarks.sizing_meter import sums
from benchmarks.sizing_model import (
    Slots,
    all_work,
    late_slots,
    open_slots,
    requests,
    shell_reads,
    skew,
    values_per_reading,
    work,
)
from benchmarks.sizing_money import PRICES, drivers, priced
from benchmarks.sizing_stages import LARGE, SMALL, solved
from deploy.flink.grafana.names import COUNTERS

COSTS = Costs(
    normalize_us=10.0,
    group_us=10.0,
    batch_us=300.0,
    store=Linear(7_000, 2, 1),
    observe=Linear(600, 14, 7),
    observations=Linear(4_000, 1, 1),
    fhir_files=Linear(1_000, 2, 6),
    fhir_server=Linear(2_000, 40, 0),
    measurement_bytes=FileBytes(10_000, 40, 90),
    observation_bytes=FileBytes(8_000, 50, 80),
    state_bytes=Linear(4_000, 350, 0),
    store_memory=1_500,
    ndjson_bytes=1_300,
    message_bytes=113,
)
RUNNER = Runner(python_us=40, python_idle=0.05, java_us=30, java_idle=0.05)
WATCHES, CUFFS, CGMS = FLEETS
PLAN = Plan(shards=64, flush_s=600)


def plain(fleet, **changes):
    return fleet._replace(late_share=0.0, hourly_share=0.0, **changes)


def test_costs_are_found_again_from_three_times():
    cost = Linear(5_000, 3, 0.5)
    (few_rows, few), (many_rows, many) = SMALL, LARGE
    sizes = ((few, few_rows), (many, few_rows), (few, many_rows))
    assert solved([cost.us(*size) for size in sizes]) == pytest.approx(cost)


@pytest.mark.parametrize(
    ("files", "per_s", "flush_s", "firings"),
    [
        (4, 1000, 10, 4 / 10.15),  # the next bundle begins the next pane
        (40, 0.1, 10, 40 / 20),  # the next message is ten seconds away
        (4, 1000, 600, 4 / 600.15),
    ],
)
def test_a_file_is_fired_every_so_often_once_something_is_there(
    files, per_s, flush_s, firings
):
    slots = Slots(files, per_s, 1000, 2000, 1000, 100, 1)
    plan = PLAN._replace(flush_s=flush_s)
    found = work(slots, plain(CGMS), plan, COSTS)
    assert found.firings == pytest.approx(firings)


@pytest.mark.parametrize("fleet", FLEETS, ids=lambda fleet: fleet.name)
def test_every_message_of_an_instant_is_sent_once_however_often_slots_fire(fleet):
    fleet = plain(fleet)
    for flush_s in (30, 600):
        plan = PLAN._replace(flush_s=flush_s)
        slots = [open_slots(fleet, plan, fleet.per_s)]
        found = all_work(slots, fleet, plan, COSTS)
        assert found.touched == pytest.approx(fleet.per_s)


def test_an_hour_of_an_open_file_is_rewritten_half_its_rows_a_firing():
    fleet = plain(CGMS)
    found = answer(fleet, PLAN, COSTS, RUNNER)
    rewritten = found.mean.rows / fleet.per_s
    assert rewritten == pytest.approx(3600 / 600.15 / 2)


def test_late_messages_rewrite_full_files_of_all_their_hours():
    one, ten = (
        late_slots(WATCHES._replace(late_hours=hours), PLAN, WATCHES.per_s)
        for hours in (1, 10)
    )
    assert ten.files == 10 * one.files
    assert one.messages_per_s == pytest.approx(10 * ten.messages_per_s)
    now = open_slots(WATCHES._replace(late_share=0), PLAN, WATCHES.per_s)
    assert ten.rows == one.rows == pytest.approx(now.most_rows)


@pytest.mark.parametrize("fleet", FLEETS, ids=lambda fleet: fleet.name)
def test_twice_the_devices_cost_twice_on_the_way_and_no_more_partitions_than_slots(
    fleet,
):
    small = answer(fleet, PLAN, COSTS, RUNNER)
    large = answer(fleet._replace(devices=2 * fleet.devices), PLAN, COSTS, RUNNER)
    assert large.per_s == pytest.approx(2 * small.per_s)
    assert large.kept > 1.5 * small.kept or fleet is CUFFS
    assert large.slots <= 2 * small.slots + 1
    assert large.files == small.files == 2 * 24 * PLAN.shards
    assert large.partitions >= large.slots


def test_more_workers_and_shorter_bundles_make_more_batches():
    slots = open_slots(WATCHES, PLAN, WATCHES.per_s)
    one, four, slow = (
        work(slots, WATCHES, PLAN._replace(bundle_s=bundle_s), COSTS, workers)
        for workers, bundle_s in ((1, 0.3), (4, 0.3), (4, 1.2))
    )
    assert four.python_us > one.python_us
    assert four.state_bytes > one.state_bytes
    assert slow.python_us == pytest.approx(one.python_us, rel=1e-3)


def test_a_longer_flush_saves_work_and_costs_state():
    often, seldom = (
        answer(WATCHES, PLAN._replace(flush_s=s), COSTS, RUNNER) for s in (30, 1800)
    )
    assert seldom.python_cores < often.python_cores
    assert seldom.written < often.written
    assert seldom.peak.state_bytes > often.peak.state_bytes
    assert seldom.kept == often.kept


@pytest.mark.parametrize(
    ("slots", "files", "least", "most"),
    [(1, 4, 1, 1), (16, 64, 2, 2.3), (16, 704, 1.3, 1.4), (16, 1e6, 1, 1.02)],
)
def test_few_files_fall_unevenly_on_slots(slots, files, least, most):
    assert least <= skew(slots, files) <= most


def test_without_a_number_there_are_four_shards_a_slot():
    found = answer(WATCHES, PLAN._replace(shards=0), COSTS, RUNNER)
    assert found.plan.shards >= 4 * found.slots
    assert math.log2(found.plan.shards).is_integer()


@pytest.mark.parametrize(
    ("entries", "plan", "count"),
    [
        (0, PLAN, 0),
        (0.25, PLAN, 0.25),
        (3, PLAN, 1),
        (400, PLAN, 4.5),
        (400, PLAN._replace(merge=True), 9),
        (400, PLAN._replace(bundle=1), 400.5),
        (400, PLAN._replace(to_files=True), 0),
    ],
)
def test_requests_of_a_firing(entries, plan, count):
    assert requests(entries, plan) == count


@pytest.mark.parametrize(
    ("fleet", "workers", "reads"),
    [
        # Every 300 s, device and patient; a reading each 300 s is as often.
        (plain(CGMS, active_hours=24), 100, 2e6 / 300),
        # One reading a day is one look for each of the two.
        (plain(CUFFS, messages_per_device=1, active_hours=1), 100, 2 * 1e6 / 86_400),
    ],
)
def test_patients_and_devices_are_looked_for_again(fleet, workers, reads):
    assert shell_reads(fleet, workers, fleet.per_s) == pytest.approx(reads, rel=0.01)


def test_too_many_patients_for_a_worker_are_looked_for_at_every_message():
    assert shell_reads(CGMS, 1, CGMS.per_s) == pytest.approx(2 * CGMS.per_s, rel=0.2)


def test_an_hour_of_steps_is_one_row_of_the_observation_table():
    hourly = WATCHES._replace(hourly_share=1.0)
    assert values_per_reading(hourly) == pytest.approx(1 / 40)
    assert values_per_reading(plain(WATCHES)) == 1


def test_every_price_has_an_amount_and_the_dearest_comes_first():
    some = drivers(answer(CGMS, PLAN, COSTS, RUNNER), COSTS)
    assert {one.price for one in some} == set(PRICES)
    assert [one for one, _ in priced(some, {})] == some
    first, cost = priced(some, {"partition_hour": 1e9})[0]
    assert (first.price, cost) == ("partition_hour", first.amount * 1e9)


SEEN = Observed(
    load=LOADS[0],
    seconds=60.0,
    middle_s=70.0,
    open_rows=Rows(0.0, 0.0),
    late_rows=Rows(0.0, 0.0),
    sent_per_s=float(LOADS[0].per_s),
    messages_per_s=float(LOADS[0].per_s),
    backlog_s=0.5,
    firings_per_s=4.7,
    observations_per_s=281.0,
    requests_per_s=6.6,
    python_cores=0.18,
    java_cores=0.14,
    written_per_s=7e5,
    kept=5e6,
    checkpoint=6e5,
)


def exact(load):
    """A load that was measured to be just what the model says."""
    seen = SEEN._replace(load=load, messages_per_s=float(load.per_s), kept=0.0)
    said = {one.quantity: one.predicted for one in compared(seen, COSTS, RUNNER)}
    return seen._replace(
        python_cores=said["Python cores"], java_cores=said["Java cores"]
    )


def test_what_the_runner_adds_is_found_again_from_two_loads():
    seen = [exact(load) for load in LOADS]
    assert fitted(COSTS, seen) == pytest.approx(RUNNER)


def test_a_load_has_as_many_files_as_shards_and_late_hours():
    now, late = slots_of(SEEN._replace(late_rows=Rows(20, 10)))
    assert (now.files, late.files) == (4, 40)
    per_s = now.files * now.messages_per_s + late.files * late.messages_per_s
    assert per_s == pytest.approx(SEEN.load.per_s)
    came = late.messages_per_s * SEEN.middle_s * NIGHT.readings_per_message
    assert (late.rows, late.values) == pytest.approx((20 + came, 10 + came))


def test_what_was_observed_survives_being_written():
    assert from_json(json.loads(json.dumps(to_json([SEEN])))) == [SEEN]


def test_counters_are_summed_over_operators():
    name = COUNTERS["SlotTouched"]
    text = f'# HELP\n{name}{{a="1"}} 3.0\n{name}{{a="2"}} 4.0\nother{{}} 5.0\n'
    assert sums(text) == {"SlotTouched": 7.0}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0123, "0.0123"),
        (7408.4, "7,410"),
        (12, "12"),
        (6.4e8, "640,000,000"),
    ],
)
def test_numbers_have_three_digits_that_count(value, text):
    assert sizing_table.number(value) == text


def test_the_page_says_what_its_commands_print_now():
    known = sizing.load()
    text = sizing.PAGE.read_text()
    assert len(re.findall(r"^`\.venv/bin/python -m .*`:$", text, re.MULTILINE)) == 6
    assert sizing.page(text, known) == text


@pytest.mark.parametrize("name", sizing.TABLES)
def test_every_table_can_be_asked_for(name, capsys):
    sizing.main([f"--table={name}"])
    assert capsys.readouterr().out.strip()


def test_a_fleet_of_ones_own_as_json(capsys):
    sizing.main(["--devices=1000", "--messages_per_device=24", "--json"])
    (one,) = json.loads(capsys.readouterr().out)
    assert one["fleet"]["name"] == "yours"
    assert one["lines"][0]["value"] == 24_000
    assert {line["name"] for line in one["lines"]} == {
        line.name for line in lines(answer(CGMS, PLAN, COSTS, RUNNER))
    }


@pytest.mark.parametrize("argument", ["--fleet=rockets", "--price=luck=1"])
def test_what_is_unknown_is_refused(argument):
    with pytest.raises(SystemExit):
        sizing.main([argument, "--table=money"])
