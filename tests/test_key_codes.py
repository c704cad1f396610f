"""Codes sort and compare as the columns that they stand for."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from transforms.key_codes import key_codes, sorted_rows
from transforms.schema import TIMESTAMP

WHOLE = st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1))
TEXT = st.sampled_from(["", "a", "ab", "é", "\uffff", "\U0001d11e"])
KINDS = {
    pa.string(): TEXT,
    TIMESTAMP: WHOLE,
    pa.int64(): WHOLE,
    pa.int8(): st.integers(-128, 127),
    pa.uint64(): st.integers(0, 2**64 - 1),
}


@st.composite
def tables(draw):
    rows = draw(st.integers(0, 12))
    columns = []
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(list(KINDS)))
        cells = KINDS[kind]
        if draw(st.booleans()):
            cells = st.none() | cells
        cells = draw(st.lists(cells, min_size=rows, max_size=rows))
        raw = pa.int64() if kind == TIMESTAMP else kind
        columns.append(pa.array(cells, raw).cast(kind))
    return pa.table(columns, names=[f"{number}" for number in range(len(columns))])


@given(tables())
def test_codes_sort_as_the_columns(table):
    codes = key_codes(table, table.column_names)
    expected = pc.sort_indices(
        table, sort_keys=[(name, "ascending") for name in table.column_names]
    )
    assert np.argsort(codes, kind="stable").tolist() == expected.to_pylist()


@given(tables(), st.integers(0, 6))
def test_rows_are_sorted_as_by_all_keys(table, few):
    names = table.column_names
    expected = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in names])
    few %= len(names)
    order = sorted_rows(table, names[:few], names[few:])
    assert order.tolist() == expected.to_pylist()


@given(tables())
def test_codes_are_equal_where_all_columns_are(table):
    codes = key_codes(table, table.column_names).tolist()
    columns = [
        column.cast(pa.int64()) if column.type == TIMESTAMP else column
        for column in table.columns
    ]
    rows = list(zip(*(column.to_pylist() for column in columns), strict=True))
    for code, row in zip(codes, rows, strict=True):
        for other, another in zip(codes, rows, strict=True):
            assert (code == other) == (row == another)


def test_only_the_keys_that_are_named_count():
    table = pa.table({"a": [1, 1], "b": [1, 2]})
    assert len(set(key_codes(table, ["a"]).tolist())) == 1
    assert len(set(key_codes(table, ["a", "b"]).tolist())) == 2
