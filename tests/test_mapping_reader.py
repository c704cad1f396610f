"""Containers, keys and findings that both mapping files share."""

import pytest

from transforms.errors import MappingError, Problem
from transforms.located_json import Member, Node, parse
from transforms.mapping_reader import (
    INVALID_EXPRESSION,
    INVALID_TEMPLATE,
    Fields,
    Findings,
    close_to,
    each,
    is_type,
    location,
    read_collection,
)


def marked(text):
    """A text without its ¦ marks, and the lines and columns they stood at."""
    places = []
    plain = ""
    for part in text.split("¦"):
        plain += part
        lines = plain.split("\n")
        places.append((len(lines), len(lines[-1]) + 1))
    return plain, places[:-1]


def error(place, message, suggestion="", code=INVALID_TEMPLATE):
    return Problem("error", code, "f.json", *place, message, suggestion)


def warning(place, message, suggestion="", code=INVALID_TEMPLATE):
    return Problem("warning", code, "f.json", *place, message, suggestion)


@pytest.mark.parametrize(
    "text",
    [
        '{"templateType": "CollectionContent", "template": [¦{"templateType": ¦"X",'
        ' "template": ¦{"a": 1}}]}',
        "{templateType: 'collectioncontenttemplate', template: [\n// comment\n"
        "¦{'TemplateType': ¦'X', 'TEMPLATE': ¦{a: 1,},},],}",
        '{"unknown": 1, "template": [¦{"more": 2, "templateType": ¦"X", "template":'
        ' ¦{"a": 1}}], "templateType": "COLLECTIONCONTENT"}',
    ],
)
def test_containers_are_read_leniently_with_their_places(text):
    plain, places = marked(text)
    findings = Findings("f.json")
    containers = read_collection(plain, "CollectionContent", findings)

    assert findings.problems == []
    assert [
        (
            container.template_type,
            (container.type_place.line, container.type_place.column),
            (container.template.line, container.template.column),
            container.template.plain(),
        )
        for container in containers
    ] == [("X", *places[1:], {"a": 1})]


def test_an_empty_collection_is_valid():
    findings = Findings("f.json")
    text = '{"templateType": "CollectionFhir", "template": []}'

    assert read_collection(text, "CollectionFhir", findings) == []
    assert findings.problems == []


_NO_ARRAY = (
    "Expected an array for the template property value for template type"
    " CollectionContent."
)
_NO_OBJECT = "Expected an object for the template property value for template type X."
_NO_TEMPLATE = "a template must be an object with templateType, template"
_NO_TYPE = ("templateType is missing", 'add "templateType"')


def collection(container):
    return f'{{"templateType": "CollectionContent",\n "template": [{container}]}}'


@pytest.mark.parametrize(
    ("text", "message", "suggestion", "code"),
    [
        ("¦", "the text is empty", "write a JSON object", "InvalidJson"),
        ("¦  \n", "the text is empty", "write a JSON object", "InvalidJson"),
        (
            '{"template": [\n¦,]}',
            "expected a value",
            "",
            "InvalidJson",
        ),
        (
            "{¦“templateType”: 1}",
            "expected a key or '}'",
            "replace “ by a straight quote",
            "InvalidJson",
        ),
        ("¦null", "the file must hold a JSON object", "", INVALID_TEMPLATE),
        ("\n ¦[]", "the file must hold a JSON object", "", INVALID_TEMPLATE),
        ('¦"text"', "the file must hold a JSON object", "", INVALID_TEMPLATE),
        ("¦{}", *_NO_TYPE, INVALID_TEMPLATE),
        ('¦{"template": []}', *_NO_TYPE, INVALID_TEMPLATE),
        (
            '{"templateType": ¦5}',
            "templateType must be a string",
            "",
            INVALID_TEMPLATE,
        ),
        (
            '{"templateType": ¦null}',
            "templateType must be a string",
            "",
            INVALID_TEMPLATE,
        ),
        (
            '{"templateType": ¦"CollectionFhir", "template": []}',
            "Expected TemplateType value CollectionContentTemplate, actual"
            " CollectionFhir.",
            "is this the other mapping file?",
            INVALID_TEMPLATE,
        ),
        (
            '{"templateType":\n\t¦"X", "template": []}',
            "Expected TemplateType value CollectionContentTemplate, actual X.",
            "",
            INVALID_TEMPLATE,
        ),
        ('¦{"templateType": "CollectionContent"}', _NO_ARRAY, "", INVALID_TEMPLATE),
        (
            '{"templateType": "CollectionContent", "template": ¦{}}',
            _NO_ARRAY,
            "",
            INVALID_TEMPLATE,
        ),
        (
            '{"templateType": "CollectionContent", "template": ¦null}',
            _NO_ARRAY,
            "",
            INVALID_TEMPLATE,
        ),
        (collection("¦5"), _NO_TEMPLATE, "", INVALID_TEMPLATE),
        (collection("¦null"), _NO_TEMPLATE, "", INVALID_TEMPLATE),
        (collection("¦[]"), _NO_TEMPLATE, "", INVALID_TEMPLATE),
        (collection("¦{}"), *_NO_TYPE, INVALID_TEMPLATE),
        (collection('¦{"templateType": "X"}'), _NO_OBJECT, "", INVALID_TEMPLATE),
        (
            collection('{"templateType": "X", "template": ¦[]}'),
            _NO_OBJECT,
            "",
            INVALID_TEMPLATE,
        ),
        (
            collection('{"templateType": "X", "template": ¦null}'),
            _NO_OBJECT,
            "",
            INVALID_TEMPLATE,
        ),
        (
            collection('{"templateType": ¦["X"], "template": {}}'),
            "templateType must be a string",
            "",
            INVALID_TEMPLATE,
        ),
    ],
)
def test_a_wrong_container_is_an_error_at_its_place(text, message, suggestion, code):
    plain, (place,) = marked(text)
    findings = Findings("f.json")

    assert read_collection(plain, "CollectionContent", findings) == []
    assert findings.problems == [error(place, message, suggestion, code)]


def test_a_wrong_container_does_not_hide_the_others():
    text = collection('{"templateType": "X", "template": {}}, ¦5, ¦{}')
    plain, places = marked(text)
    findings = Findings("f.json")
    containers = read_collection(plain, "CollectionContent", findings)

    assert [container.template_type for container in containers] == ["X"]
    assert findings.problems == [
        error(places[0], _NO_TEMPLATE),
        error(places[1], *_NO_TYPE),
    ]


@pytest.mark.parametrize(
    ("given", "suffix", "same"),
    [
        ("CalculatedContent", True, True),
        ("calculatedcontent", True, True),
        ("CALCULATEDCONTENTTEMPLATE", True, True),
        ("CalculatedContentTemplate", False, False),
        ("calculatedContent", False, True),
        ("CalculatedContents", True, False),
        (" CalculatedContent", True, False),
        ("", True, False),
    ],
)
def test_a_template_type_matches_in_any_case_with_or_without_suffix(
    given, suffix, same
):
    assert is_type(given, "CalculatedContent", suffix=suffix) is same


def fields_of(text, known=("typeName", "values"), **options):
    findings = Findings("f.json")
    return Fields(parse(text), "Kind", known, findings, **options), findings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{'typeName': 1, 'VALUES': 2}", []),
        (
            "{\n ¦'typeNames': 1, ¦'q': 2}",
            [
                (
                    "Could not find member 'typeNames' on object of type 'Kind'",
                    "did you mean typeName?",
                ),
                ("Could not find member 'q' on object of type 'Kind'", ""),
            ],
        ),
        ("¦[]", [("Kind must be an object", "")]),
        ("¦'text'", [("Kind must be an object", "")]),
    ],
)
def test_every_unknown_key_is_an_error_at_its_place(text, expected):
    plain, places = marked(text)
    _, findings = fields_of(plain)

    assert findings.problems == [
        error(place, *told) for place, told in zip(places, expected, strict=True)
    ]


@pytest.mark.parametrize(
    ("unknown", "problems"),
    [
        (
            "warning",
            [warning((1, 2), "Could not find member 'q' on object of type 'Kind'")],
        ),
        ("ignored", []),
    ],
)
def test_unknown_keys_may_be_warnings_or_ignored(unknown, problems):
    _, findings = fields_of("{'q': 1}", unknown=unknown)

    assert findings.problems == problems
    assert findings.errors == []


def test_of_equal_keys_the_earlier_one_is_a_warning():
    plain, (place,) = marked("{¦'typeName': 'a',\n 'typeName': 'b'}")
    fields, findings = fields_of(plain)

    assert fields.text("typeName") == "b"
    assert findings.problems == [
        warning(
            place,
            "the key 'typeName' stands here and again below: the last counts",
            "remove one of them",
        )
    ]


_MISSING = ("Required property 'TypeName' not found in JSON.", 'add "typeName"')
_NULL = ("Required property 'TypeName' expects a value but got null.", "")


@pytest.mark.parametrize(
    ("method", "text", "value", "told"),
    [
        ("text", "{typeName: 'a'}", "a", None),
        ("text", "{TYPENAME: ''}", "", None),
        ("text", "¦{}", None, _MISSING),
        ("text", "{typeName: ¦null}", None, _NULL),
        ("text", "{typeName: ¦5}", None, ("'typeName' must be a string", "")),
        ("text", "{typeName: ¦{}}", None, ("'typeName' must be a string", "")),
        ("name", "{typeName: 'a'}", "a", None),
        ("name", "{typeName: ' a '}", " a ", None),
        ("name", "¦{}", None, _MISSING),
        ("name", "{typeName: ¦null}", None, _NULL),
        ("name", "{typeName: ¦''}", None, ("'typeName' must not be blank", "")),
        ("name", "{typeName: ¦' \t'}", None, ("'typeName' must not be blank", "")),
        ("name", "{typeName: ¦[]}", None, ("'typeName' must be a string", "")),
        ("items", "{typeName: []}", [], None),
        ("items", "{typeName: [1, null]}", [1, None], None),
        ("items", "¦{}", [], _MISSING),
        ("items", "{typeName: ¦null}", [], _NULL),
        ("items", "{typeName: ¦{}}", [], ("'typeName' must be an array", "")),
        ("items", "{typeName: ¦'a'}", [], ("'typeName' must be an array", "")),
    ],
)
def test_a_required_key_is_read_or_told(method, text, value, told):
    plain, places = marked(text)
    fields, findings = fields_of(plain)
    required = {} if method == "name" else {"required": True}
    found = getattr(fields, method)("typeName", **required)

    if method == "items":
        found = [node.plain() for node in found]
    assert found == value
    assert findings.problems == [error(place, *told) for place in places]


@pytest.mark.parametrize("text", ["{}", "{typeName: null}"])
def test_an_optional_key_may_be_absent_or_null(text):
    fields, findings = fields_of(text)

    assert fields.get("typeName") is None
    assert fields.text("typeName") is None
    assert fields.items("typeName") == ()
    assert fields.flag("typeName") is False
    assert findings.problems == []


def test_an_object_that_is_none_misses_no_keys():
    fields, findings = fields_of("[]")

    assert fields.text("typeName", required=True) is None
    assert findings.problems == [error((1, 1), "Kind must be an object")]


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("true", True),
        ("false", False),
        ("'true'", True),
        ("'TRUE'", True),
        ("' False '", False),
        ("1", True),
        ("0", False),
        ("0.5", True),
        ("0.0", False),
        ("null", False),
    ],
)
def test_a_flag_is_read_as_medtech_reads_it(text, flag):
    fields, findings = fields_of(f"{{typeName: {text}}}")

    assert fields.flag("typeName") is flag
    assert findings.problems == []


@pytest.mark.parametrize("text", ["¦'yes'", "¦''", "¦'1'", "¦[]", "¦{}"])
def test_what_is_no_flag_is_an_error(text):
    plain, (place,) = marked(f"{{typeName: {text}}}")
    fields, findings = fields_of(plain)

    assert fields.flag("typeName") is False
    assert findings.problems == [error(place, "'typeName' must be true or false")]


def test_findings_keep_errors_and_warnings_in_the_order_they_were_made():
    findings = Findings("f.json")
    node = Node("x", 3, 4)
    findings.warning(node, "first", "hint")
    findings.error(Member("k", 5, 6, node), "second", code=INVALID_EXPRESSION)
    findings.error((7, 8), "third", "fix", "InvalidJson")

    second = error((5, 6), "second", code=INVALID_EXPRESSION)
    third = error((7, 8), "third", "fix", "InvalidJson")
    assert findings.problems == [warning((3, 4), "first", "hint"), second, third]
    assert findings.errors == [second, third]
    with pytest.raises(MappingError) as caught:
        findings.raise_errors()
    assert caught.value.problems == (second, third)
    assert str(caught.value) == (
        "f.json:5:6: error: second [TemplateExpressionException]\n"
        "f.json:7:8: error: third [InvalidJson] (fix)"
    )


def test_warnings_alone_stop_nothing():
    findings = Findings("f.json")
    findings.warning((1, 1), "only a warning")

    assert findings.raise_errors() is None


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("typename", "did you mean typeName?"),
        ("value", "did you mean values?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_a_misspelt_name_gets_a_suggestion(name, hint):
    assert close_to(name, iter(("typeName", "values"))) == hint


def test_a_place_for_dead_letters_is_file_and_line():
    assert location(Findings("f.json"), Node({}, 7, 3)) == "f.json:7"


def test_nulls_in_arrays_are_passed_over():
    items = parse("[1, null, 0, false, '']").value

    assert [node.value for node in each(items)] == [1, 0, False, ""]
