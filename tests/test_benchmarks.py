"""What the benchmarks make of what they measure; nothing here is timed."""

import json

import pytest

from benchmarks import contenders, report, scaling, stages
from benchmarks.contenders import OBVIOUS, SCRIPT, VITALBEAM, Result, summarise
from benchmarks.mappings import write_grown, write_sampled
from benchmarks.measure import FailedError, Run
from benchmarks.report import Target, page, targets
from benchmarks.scaling import Step, memory_ratio
from benchmarks.sheets import Sheet, to_markdown, written
from pipeline.mappings import load_mappings

OUTSIDE = "main (pipeline/__main__.py:1);launch (pipeline/launch.py:2)"
RUN = f"{OUTSIDE};run_local (pipeline/local_run.py:3)"
BEAM = "run (apache_beam/pipeline.py:4)"
NORMALIZE = "_NormalizeBatch.process (transforms/normalize.py:5)"
OBSERVE = "_ObserveGroups.process (/somewhere/transforms/observe.py:6)"
HELPER = "parse_instant (transforms/instants.py:7)"
WRITE = "_WriteRows.process (pipeline/write_observations.py:8)"


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([OUTSIDE], None),
        ([OUTSIDE, NORMALIZE], None),
        ([RUN], stages.REST),
        ([RUN, BEAM], stages.REST),
        ([RUN, BEAM, NORMALIZE], "Normalize"),
        ([RUN, BEAM, NORMALIZE, HELPER], "Normalize"),
        ([RUN, BEAM, OBSERVE, BEAM, WRITE], "WriteObservations"),
        ([RUN, BEAM, "process_outputs", OBSERVE, "take"], "Observe"),
    ],
)
def test_a_sample_belongs_to_its_innermost_stage(frames, expected):
    assert stages.stage_of(";".join(frames)) == expected


def test_shares_are_of_the_run_alone():
    lines = [
        f"{OUTSIDE} 100",
        f"{RUN};{BEAM} 1",
        f"{RUN};{BEAM};{WRITE} 2",
        f"{RUN};{BEAM};{NORMALIZE} 2",
        f"{RUN};{BEAM};{NORMALIZE};{HELPER} 3",
    ]
    shares = stages.shares_of(lines)
    assert shares == {
        "Normalize": 5 / 8,
        "WriteObservations": 2 / 8,
        "runner and graph": 1 / 8,
    }
    assert stages.sheet(shares, 16).rows == [
        ("Normalize", 10, "62.5%"),
        ("WriteObservations", 4, "25.0%"),
        ("runner and graph", 2, "12.5%"),
    ]


def test_every_stage_is_a_file_that_is_there():
    root = stages.measure.ROOT
    assert [
        file for file in (*stages.STAGES, stages._RUN) if not (root / file).exists()
    ] == []


def test_medians_leave_the_start_up_out():
    rounds = [
        (Run(1.0, 50, 0), Run(1.0 + seconds, mib, 9))
        for seconds, mib in ((0.2, 300), (0.1, 500), (0.4, 400))
    ]
    messages = contenders.TINY + 100_000
    assert summarise("x", messages, rounds) == Result(
        "x",
        messages,
        1.0,
        pytest.approx(2.0),
        400,
        9,
        [pytest.approx(2.0), pytest.approx(1.0), pytest.approx(4.0)],
    )


def test_what_is_lost_in_the_start_up_is_no_result():
    with pytest.raises(FailedError, match="x's start-up: more!"):
        summarise("x", 200, [(Run(1.0, 50, 0), Run(0.9, 50, 9))])


def result(name, each):
    return name, Result(name, 1000, 1.0, each, 100, 5, [each])


def test_targets_are_those_that_were_measured():
    results = dict([result(VITALBEAM, 20.0), result(SCRIPT, 12.5)])
    assert targets(results) == [Target("time over the script", 2, 1.6, at_most=True)]
    results |= dict([result(OBVIOUS, 390.0)])
    found = targets(results, cores=1.8, memory=1.31)
    assert [(target.measured, target.is_met) for target in found] == [
        (1.6, True),
        (19.5, False),
        (1.8, True),
        (1.31, False),
    ]
    assert report.sheet(found).rows[1] == (
        "times faster than the obvious stack",
        "≥ 20",
        19.5,
        "missed",
    )


def test_contenders_stand_side_by_side():
    results = dict([result(VITALBEAM, 20.0), result(OBVIOUS, 400.0)])
    (ours, theirs) = contenders.sheet(results, 5).records()
    assert (ours["times script"], ours["faster than obvious"]) == (None, 20.0)
    assert (ours["messages per s"], theirs["messages per s"]) == (50_000, 2_500)


def test_scaling_is_told_by_what_is_usual():
    base = Step("usual", 200_100, list, base=True)
    measured = [
        (base, Run(4.0, 300, 1)),
        (Step("few", 20_100, list), Run(0.8, 240, 1)),
        (Step("many", 1_000_100, list), Run(20.0, 330, 1)),
    ]
    assert scaling.sheet(measured).rows == [
        ("usual", 4.0, pytest.approx(20), pytest.approx(1), 300, 1),
        ("few", 0.8, pytest.approx(40), pytest.approx(2), 240, 0.8),
        ("many", 20.0, pytest.approx(20), pytest.approx(1), 330, 1.1),
    ]
    assert memory_ratio(measured) == 1.1


@pytest.mark.parametrize("templates", [5, 17, 50])
def test_a_grown_mapping_has_so_many_templates(templates, tmp_path):
    folder = write_grown(tmp_path / "grown", templates)
    mappings = load_mappings(folder / "device.json", folder / "fhir.json")
    names = {template.type_name for template in mappings.device.templates}
    assert len(names) == len(mappings.fhir.periods) == templates


def test_all_is_sampled_in_the_sampled_mapping(tmp_path):
    folder = write_sampled(tmp_path / "sampled")
    mappings = load_mappings(folder / "device.json", folder / "fhir.json")
    assert set(mappings.fhir.periods.values()) == {60}
    text = (folder / "fhir.json").read_text()
    assert text.count('"SampledData"') == 6
    assert '"Quantity"' not in text
    json.loads(text)


SHEET = Sheet("A title", ("", "µs", "ratio"), [("a", 1234.5, None), ("b", 12, 0.5)])


def test_a_sheet_is_a_table_of_markdown():
    assert to_markdown(SHEET) == (
        "## A title\n\n|  | µs | ratio |\n| --- | ---: | ---: |\n"
        "| a | 1,234 |  |\n| b | 12 | 0.50 |\n"
    )


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (None, ""),
        ("a", "a"),
        (0, "0"),
        (99.96, "100.0"),
        (100.4, "100"),
        (0.004, "0.00"),
    ],
)
def test_cells_have_three_digits(cell, expected):
    assert written(cell) == expected


def test_the_page_says_what_was_measured_on_what():
    text = page([SHEET], {"date": "2026-01-02", "cores": "2"}, "python -m x")
    assert text.startswith("# Results\n\nWritten by `python -m x`.")
    assert "- date: 2026-01-02\n- cores: 2\n" in text
    assert text.endswith(to_markdown(SHEET))
