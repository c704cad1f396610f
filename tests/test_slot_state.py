"""What a slot's file says of the slot, whatever hands readings to it."""

import itertools

import pytest

from transforms.slot_state import Firing, Phase, SlotState, first_state

OPEN, CLOSING, CLOSED = (SlotState(phase) for phase in Phase)
EARLY, ON_TIME, LATE, WHOLE = (
    Firing.EARLY,
    Firing.ON_TIME,
    Firing.LATE,
    Firing.WHOLE,
)


@pytest.mark.parametrize(
    ("firing", "state"),
    [(EARLY, OPEN), (ON_TIME, CLOSED), (LATE, CLOSED), (WHOLE, CLOSED)],
)
def test_a_stream_opens_a_slot_before_its_end_only(firing, state):
    assert first_state(firing) == state


@pytest.mark.parametrize(
    ("before", "firing", "after", "tells_all"),
    [
        (OPEN, EARLY, OPEN, False),
        (OPEN, ON_TIME, CLOSED, True),
        (OPEN, LATE, CLOSING, True),
        (OPEN, WHOLE, CLOSING, True),
        (CLOSING, EARLY, CLOSING, True),
        (CLOSING, ON_TIME, CLOSED, True),
        (CLOSING, LATE, CLOSING, True),
        (CLOSING, WHOLE, CLOSING, True),
        (CLOSED, EARLY, CLOSED, False),
        (CLOSED, ON_TIME, CLOSED, True),
        (CLOSED, LATE, CLOSED, False),
        (CLOSED, WHOLE, CLOSED, False),
    ],
)
def test_a_firing_closes_a_slot_or_leaves_it(before, firing, after, tells_all):
    assert before.after(firing, ()) == after
    assert after.tells_all(firing) is tells_all


@pytest.mark.parametrize(
    ("before", "firing", "status"),
    [
        (OPEN, EARLY, "preliminary"),
        (OPEN, ON_TIME, "final"),
        (OPEN, LATE, "final"),
        (CLOSED, EARLY, "amended"),
        (CLOSED, LATE, "amended"),
        (CLOSING, LATE, "amended"),
        (CLOSED, WHOLE, "final"),
    ],
)
def test_what_changes_after_the_end_is_amended(before, firing, status):
    after = before.after(firing, ["a"])
    assert after.status_of("a") == status
    assert after.status_of("b") == after.after(firing, ()).status_of("b")


RANK = {"preliminary": 0, "final": 1, "amended": 2}


@pytest.mark.parametrize("first", Firing)
def test_a_status_never_goes_back(first):
    for firings in itertools.product(Firing, repeat=4):
        state = first_state(first).after(first, ())
        rank = 0
        for firing in firings:
            state = state.after(firing, ["a"])
            now = RANK[state.status_of("a")]
            assert now >= rank, (first, firings)
            rank = now


@pytest.mark.parametrize(
    ("state", "note"),
    [
        (CLOSED, None),
        (OPEN, b'{"phase":"open","amended":[]}'),
        (
            SlotState(Phase.CLOSED, frozenset("ba")),
            b'{"phase":"closed","amended":["a","b"]}',
        ),
    ],
)
def test_a_state_is_noted_in_one_way(state, note):
    assert state.to_note() == note
    assert SlotState.from_note(note) == state


@pytest.mark.parametrize("note", [b"", b"[]", b'{"phase":"ajar","amended":[]}'])
def test_a_note_of_another_kind_is_no_state(note):
    with pytest.raises((ValueError, TypeError)):
        SlotState.from_note(note)
