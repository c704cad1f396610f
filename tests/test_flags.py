"""Words of devices and the flags they stand for."""

import pytest

from transforms.flags import ABSENT_REASONS, COMPARATORS, flag_of


@pytest.mark.parametrize(
    ("word", "flag"),
    [
        ("LOW", "<"),
        ("Lo", "<"),
        ("HIGH", ">"),
        ("hi", ">"),
        (" <= ", "<="),
        ("Error", "error"),
        ("", ""),
        ("  ", ""),
        ("False", ""),
        *((flag, flag) for flag in sorted(COMPARATORS | ABSENT_REASONS)),
    ],
)
def test_words(word, flag):
    assert flag_of(word) == flag


@pytest.mark.parametrize("word", ["no-finger", "=", "0", "true", "<>"])
def test_any_other_word_is_an_error(word):
    with pytest.raises(ValueError, match="no flag"):
        flag_of(word)
