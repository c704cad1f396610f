"""How far a run is."""

import io
import re

import pytest
from rich.console import Console

from pipeline.progress import Progress


def shown(caplog, terminal, steps, total=2_000_000):
    """What a run of some steps writes to its console, and to the log."""
    caplog.set_level("INFO", logger="pipeline")
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=120)
    with Progress(total, console) as progress:
        for messages, count in steps:
            progress.advance(messages, count)
    return text.getvalue(), [record.getMessage() for record in caplog.records]


def test_a_log_gets_a_line_when_the_run_is_done(caplog):
    steps = [(1500, 1_000_000), (1500, 1_000_000)]
    text, lines = shown(caplog, terminal=False, steps=steps)
    assert text == ""
    assert [re.sub(r"[\d,]+(?= messages/s)", "N", line) for line in lines] == [
        "3,000 messages, 2.0 MB of 2.0 MB, N messages/s, 0 s left"
    ]


def test_a_log_is_not_flooded(caplog):
    steps = [(1, 1)] * 1000
    assert shown(caplog, terminal=False, steps=steps) == ("", [])


def test_a_terminal_gets_a_bar_and_no_lines(caplog):
    text, lines = shown(caplog, terminal=True, steps=[(1500, 1_000_000)])
    assert "1,500 messages" in text
    assert "1.0/2.0 MB" in text
    assert lines == []


@pytest.mark.parametrize("terminal", [False, True])
def test_a_run_without_bytes_is_done(caplog, terminal):
    shown(caplog, terminal=terminal, steps=[(0, 0)], total=0)
