"""How FHIR servers are reached, as flags and a file of settings say it."""

import json
import pickle

import pytest

from pipeline.fhir_settings import Auth, FhirServer, servers_of
from pipeline.options import UsageError

A, B = "https://a/fhir", "https://b/fhir"


def test_without_flags_nobody_has_to_prove_anything():
    assert servers_of((f"{A}/", B), {}, None) == (
        FhirServer(base=A),
        FhirServer(base=B),
    )


def test_flags_hold_for_every_server_but_credentials_for_one(tmp_path):
    flags = {"auth": "azure", "bundle_size": 50, "merge": True, "ca": None}
    assert servers_of((A,), flags, None) == (
        FhirServer(base=A, auth=Auth(kind="azure"), bundle_size=50, merge=True),
    )
    file = tmp_path / "servers.json"
    file.write_text(
        json.dumps(
            {
                f"{A}/": {"auth": "bearer", "token_env": "T", "bundle_size": 7},
                B: {"ids": "server", "retry_s": 0, "bundle_mb": 0.5},
            }
        )
    )
    assert servers_of((A, B), {"bundle_size": 50, "gzip": True}, str(file)) == (
        FhirServer(
            base=A,
            auth=Auth(kind="bearer", token_env="T"),  # noqa: S106 - its name
            bundle_size=7,
            gzip=True,
        ),
        FhirServer(
            base=B, ids="server", retry_s=0, bundle_size=50, bundle_mb=0.5, gzip=True
        ),
    )


def test_settings_travel_to_workers_and_tell_processes_what_they_share():
    server = FhirServer(base=A, auth=Auth(kind="azure"))
    assert pickle.loads(pickle.dumps(server)) == server  # noqa: S301
    assert len({server, FhirServer(base=A, auth=Auth(kind="azure"))}) == 1


NAMES = (
    "auth, token_file, token_env, token_url, client_id, client_secret_file,"
    " client_secret_env, private_key, key_id, scope, ca, bundle_size, bundle_mb,"
    " connections, timeout_s, retry_s, ids, merge, gzip"
)


@pytest.mark.parametrize(
    ("addresses", "flags", "sentence"),
    [
        (("https://",), {}, "--fhir=https:: an address is like https://server/fhir"),
        (
            ("https://me:SECRET@a/fhir",),
            {},
            "--fhir: the address of a holds a user: credentials do not belong on a"
            " command line, see --fhir_auth",
        ),
        (
            (f"{A}?x=1",),
            {},
            "--fhir: a service base URL has neither ? nor #: https://a/fhir?x=1",
        ),
        ((A,), {"auth": "oauth2"}, "--fhir_auth=oauth2 needs --fhir_token_url"),
        (
            (A,),
            {"auth": "bearer"},
            "--fhir_auth=bearer needs --fhir_token_file or --fhir_token_env",
        ),
        (
            (A,),
            {"auth": "bearer", "token_file": "f", "token_env": "T"},
            "--fhir_token_file and --fhir_token_env: one will do",
        ),
        (
            (A,),
            {"auth": "smart", "client_id": "c"},
            "--fhir_auth=smart needs --fhir_private_key",
        ),
        (
            (A,),
            {"token_env": "T"},
            "--fhir_token_env is for --fhir_auth=bearer, not none",
        ),
        (
            (A,),
            {"auth": "azure", "scope": "s", "key_id": "k"},
            "--fhir_key_id is for --fhir_auth=smart, not azure",
        ),
        (
            (A, B),
            {"auth": "azure"},
            "--fhir_auth: there are several servers, and credentials are for one: put"
            " them into --fhir_settings=FILE, by address",
        ),
        (
            ("http://a/fhir",),
            {"auth": "azure"},
            "http://a/fhir: a token must not travel unencrypted (RFC 6750, section"
            " 5.3): use https, or no --fhir_auth",
        ),
        (
            (A,),
            {"bundle_size": 501},
            "--fhir_bundle_size: Input should be less than or equal to 500",
        ),
        (
            (A,),
            {"bundle_size": 0},
            "--fhir_bundle_size: Input should be greater than or equal to 1",
        ),
        (
            (A,),
            {"ids": "none"},
            "--fhir_ids: Input should be 'client' or 'server'",
        ),
        (
            (A,),
            {"scope": ""},
            "--fhir_scope: String should have at least 1 character",
        ),
    ],
)
def test_what_cannot_work_is_one_sentence(addresses, flags, sentence):
    with pytest.raises(UsageError) as refused:
        servers_of(addresses, flags, None)
    assert str(refused.value) == sentence
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize("base", ["http://127.0.0.1:8/f", "http://localhost/f", A])
def test_a_token_may_go_where_nobody_listens(base):
    (server,) = servers_of((base,), {"auth": "azure"}, None)
    assert server.auth.kind == "azure"


SHAPE = '{file}: settings are {{"https://server/fhir": {{"auth": …}}, …}}'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "{file}:1:2: this is no JSON: unexpected end of data"),
        ("[]", '{file}: settings are {{"https://server/fhir": {{"auth": …}}, …}}'),
        (
            '{"x": 1}',
            '{file}: settings are {{"https://server/fhir": {{"auth": …}}, …}}',
        ),
        ('{"https://b/fhir": {}}', "{file}: no --fhir names https://b/fhir"),
        (
            '{"https://a/fhir": {"token": "SECRET"}}',
            "{file}: https://a/fhir: token: there is no such setting, but " + NAMES,
        ),
        (
            '{"https://a/fhir": {"merge": "yes"}}',
            "{file}: https://a/fhir: merge: Input should be a valid boolean",
        ),
        (
            '{"https://a/fhir": {"auth": "oauth2"}}',
            "{file}: https://a/fhir: auth=oauth2 needs {file}: https://a/fhir:"
            " token_url",
        ),
    ],
)
def test_mistakes_in_a_file_of_settings_are_told_with_their_place(
    tmp_path, text, sentence
):
    file = tmp_path / "servers.json"
    file.write_text(text)
    with pytest.raises(UsageError) as refused:
        servers_of((A,), {}, str(file))
    assert str(refused.value) == sentence.format(file=file)
    assert "SECRET" not in str(refused.value)


def test_a_file_of_settings_that_is_not_there(tmp_path):
    file = tmp_path / "none.json"
    with pytest.raises(UsageError) as refused:
        servers_of((A,), {}, str(file))
    assert str(refused.value) == (
        f"--fhir_settings: {file} cannot be read: No such file or directory"
    )
