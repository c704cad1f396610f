"""Columns as whole numbers that sort and compare as their values do.

A table of a slot is small and its sort keys are many: to sort one number a row costs a
fraction of comparing rows key by key.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Codes = npt.NDArray[np.int64]
"""One whole number a row."""

_MOST = 2**62
"""Bound of codes. Ranks among fewer than 2**31 rows can always be brought below it."""


def key_codes(table: pa.Table, names: Sequence[str]) -> Codes:
    """Codes that are equal where all keys are, and sort as the keys, each ascending.

    Args:
        table: of fewer than 2**31 rows.
        names: of key columns, the first one decides first. As everywhere in Arrow
            texts sort by their bytes, and nulls come last and equal each other.
    """
    codes: Codes = np.zeros(table.num_rows, np.int64)
    bound = 1
    for name in names:
        ranks, count = _ranks(table[name])
        if count < 2:
            continue
        if bound * count > _MOST:
            (codes, bound), (ranks, count) = _dense(codes), _dense(ranks)
        codes = codes * count + ranks
        bound *= count
    return codes


def sorted_rows(table: pa.Table, first: Sequence[str], then: Sequence[str]) -> Codes:
    """Numbers of the rows in the order of their keys; rows of equal keys stay in order.

    Args:
        table: as in `key_codes`.
        first: names of keys that tell most rows apart.
        then: names of keys that decide where those do not, at least one.
    """
    codes = key_codes(table, first)
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    is_tied = np.zeros(len(order), bool)
    is_tied[1:] = ordered[1:] == ordered[:-1]
    is_tied[:-1] |= is_tied[1:]
    if is_tied.any():
        tied = order[is_tied]
        others = key_codes(table.select(then).take(pa.array(tied)), then)
        order[is_tied] = tied[np.lexsort((others, ordered[is_tied]))]
    return order


def _ranks(column: pa.ChunkedArray) -> tuple[Codes, int]:
    """Numbers from 0 that sort as the values, and a bound above them."""
    values = column.combine_chunks()
    if len(values) == values.null_count:
        return np.zeros(len(values), np.int64), 1
    if values.null_count or not _is_whole(values.type):
        return _ranks_of_words(values)
    numbers = values.cast(pa.int64()).to_numpy()
    least, greatest = int(numbers.min()), int(numbers.max())
    if greatest - least >= _MOST:
        return _dense(numbers)
    return numbers - least, greatest - least + 1


def _is_whole(kind: pa.DataType) -> bool:
    return pa.types.is_signed_integer(kind) or pa.types.is_timestamp(kind)


def _ranks_of_words(values: pa.Array) -> tuple[Codes, int]:
    encoded = values.dictionary_encode()
    count = len(encoded.dictionary)
    order = pc.array_sort_indices(encoded.dictionary).to_numpy()
    ranks = np.empty(count + 1, np.int64)
    ranks[order] = np.arange(count)
    ranks[count] = count  # of nulls
    indices = encoded.indices
    if indices.null_count:
        return ranks[indices.fill_null(count).to_numpy()], count + 1
    return ranks[indices.to_numpy()], count


def _dense(codes: Codes) -> tuple[Codes, int]:
    """The same order in as few numbers as there are different ones."""
    different, ranks = np.unique(codes, return_inverse=True)
    return ranks.astype(np.int64, copy=False), len(different)
