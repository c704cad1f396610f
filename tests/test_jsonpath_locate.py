"""Where what a JSONPath finds stands in the document."""

import pytest

from transforms.evaluation import WorkError
from transforms.jsonpath import Located, compile_path

DAY = {"date": "2026-10-04", "hr": [{"v": 60}, [{"v": 61}]]}
DOCUMENT = {"Body": {"days": [DAY], "hr": None}, "n": 1}
BODY = DOCUMENT["Body"]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("$", [Located(DOCUMENT, (), ())]),
        ("$.n", [Located(1, ("n",), (DOCUMENT,))]),
        ("$.nope", []),
        ("$.Body.hr", [Located(None, ("Body", "hr"), (BODY, DOCUMENT))]),
        ("$.Body.days[0]", [Located(DAY, ("Body", "days", 0), (BODY, DOCUMENT))]),
        (
            "$..v",
            [
                Located(
                    60,
                    ("Body", "days", 0, "hr", 0, "v"),
                    (DAY["hr"][0], DAY, BODY, DOCUMENT),
                ),
                Located(
                    61,
                    ("Body", "days", 0, "hr", 1, 0, "v"),
                    (DAY["hr"][1][0], DAY, BODY, DOCUMENT),
                ),
            ],
        ),
        (
            "$..[?(@date)].hr[-1:]",
            [
                Located(
                    DAY["hr"][1], ("Body", "days", 0, "hr", 1), (DAY, BODY, DOCUMENT)
                )
            ],
        ),
        ("$..[?(@ == 1)]", [Located(1, ("n",), (DOCUMENT,))]),
        ("$['n','n']", [Located(1, ("n",), (DOCUMENT,))] * 2),
    ],
)
def test_tokens_come_with_the_way_to_them(text, places):
    assert compile_path(text).locate(DOCUMENT) == places


def test_parents_are_the_documents_own():
    (place,) = compile_path("$.Body.days[0].date").locate(DOCUMENT)

    assert [id(parent) for parent in place.parents] == [id(DAY), id(BODY), id(DOCUMENT)]


def test_the_paths_of_deep_tokens_are_work_too():
    document = [0] * 100_000
    for _ in range(500):
        document = [document]
    path = compile_path("$..*")

    assert len(path.find(document)) == 100_501
    with pytest.raises(WorkError) as caught:
        path.locate(document)
    assert caught.value.text == "$..*"
