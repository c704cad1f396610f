"""Who we are to a FHIR server: tokens that are good, and secrets that stay secret."""

import json
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey, KeySet, RSAKey
from token_server import (
    SERVER_THREAD,
    Client,
    TokenServer,
    answer,
    certificate_of,
    hang_up,
    pem_of,
)

from pipeline.fhir_auth import tokens_of
from pipeline.fhir_azure import fetch_as_identity
from pipeline.fhir_endpoint import grant_of, place_of
from pipeline.fhir_errors import (
    FhirRefusedError,
    FhirServerError,
    FhirUnavailableError,
)
from pipeline.fhir_google import fetch_by_default
from pipeline.fhir_oauth import fetch_with_key, fetch_with_secret
from pipeline.fhir_settings import Auth, FhirServer, servers_of
from pipeline.fhir_tokens import KeptTokens
from pipeline.options import UsageError

ROOT = Path(__file__).parent.parent

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP384R1())
HIDDEN = "secret-value: 1+1=2 / %41%"

V2 = (
    "system/Patient.cruds system/Device.cruds system/Observation.cruds"
    " system/Encounter.rs"
)
V1 = "system/*.read system/*.write"

FETCHES = {
    "oauth2": fetch_with_secret,
    "smart": fetch_with_key,
    "azure": fetch_as_identity,
    "google": fetch_by_default,
}


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def jwk_of(key, private=True, **parameters):
    of = RSAKey if isinstance(key, rsa.RSAPrivateKey) else ECKey
    return of.import_key(key).as_dict(private=private, **parameters)


def public(key, kid):
    of = RSAKey if isinstance(key, rsa.RSAPrivateKey) else ECKey
    return of.import_key(key.public_key(), {"kid": kid})


def run_server(clock=time.monotonic, certificate=None):
    secret = Client("client:1", HIDDEN, scope="read write")
    signer = Client("signer", keys=[public(RSA, "rsa"), public(EC, "ec")], scope=V2)
    return TokenServer(secret, signer, clock=clock, certificate=certificate)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server(clock):
    with run_server(clock) as running:
        yield running


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Makes settings of a kind that a server takes, files and variables included."""

    def make(server, kind, *, timeout_s=5, ca=None, **more):
        auth = {"kind": kind}
        if kind == "bearer":
            (tmp_path / "token").write_text(server.give() + "\n")
            auth["token_file"] = f"{tmp_path}/token"
        elif kind == "oauth2":
            monkeypatch.setenv("CLIENT_SECRET", HIDDEN)
            auth |= {"client_id": "client:1", "token_url": server.token_url}
            auth |= {"client_secret_env": "CLIENT_SECRET"}
        elif kind == "smart":
            (tmp_path / "key").write_bytes(pem_of(EC))
            auth |= {"client_id": "signer", "private_key": f"{tmp_path}/key"}
            auth |= {"key_id": "ec"}
        elif kind == "azure":
            monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/identity")
            monkeypatch.setenv("IDENTITY_HEADER", "secret-header")
        elif kind == "google":
            server.google_keys = RSAKey.import_key(RSA.public_key())
            account = {
                "type": "service_account",
                "client_email": "me@example.org",
                "private_key": pem_of(RSA).decode(),
                "token_uri": f"{server.url}/google",
            }
            (tmp_path / "account").write_text(json.dumps(account))
            monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", f"{tmp_path}/account")
        auth = {**auth, **more}
        auth = {name: value for name, value in auth.items() if value is not None}
        return FhirServer(
            base=server.base, auth=Auth(**auth), ca=ca, timeout_s=timeout_s
        )

    return make


def kept(settings, clock):
    return KeptTokens(settings, FETCHES[settings.auth.kind], clock)


def leaks(text, server=None):
    """Whether a text holds a secret of these tests, a key or an assertion."""
    forms = [] if server is None else server.forms
    sent = [value for form in forms for value in form.values() if value.count(".") == 2]
    keys = [
        line for key in (RSA, EC) for line in pem_of(key).decode().split("\n")[1:-2]
    ]
    words = ["secret-", "eyJ", b64encode(b"client").decode(), *keys, *sent]
    return any(word in text for word in words)


@pytest.fixture(autouse=True)
def _only_this_test(monkeypatch):
    """No tokens of another test, whose server may have had the same port; no proxy."""
    monkeypatch.setattr("pipeline.fhir_auth._TOKENS", {})
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture(autouse=True)
def _nothing_leaks_into_logs(caplog):
    """Of anything of ours, at any level, in all tests."""
    caplog.set_level(0)
    yield
    for record in caplog.records:
        if SERVER_THREAD not in record.threadName:
            assert not leaks(f"{record.getMessage()} {record.__dict__}")


def error_of(call, server=None):
    """Which error, in which words; no secret in it, nor in what it came from."""
    with pytest.raises(FhirServerError) as caught:
        call()
    error = caught.value
    assert "\n" not in str(error)
    link = error
    while link is not None:
        assert not leaks(f"{link} {link!r}", server)
        link = link.__cause__ or (
            None if link.__suppress_context__ else link.__context__
        )
    text = str(error) if server is None else str(error).replace(server.url, "SERVER")
    return type(error), text


def get_patient(server, tokens):
    token = tokens.token()
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(
        f"{server.base}/Patient", headers=headers, timeout=5
    ).status_code


def free_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


# --- which tokens ----------------------------------------------------------------


def test_no_authentication_needs_no_token():
    assert tokens_of(FhirServer(base="https://server/fhir")) is None


@pytest.mark.parametrize("kind", ["bearer", *FETCHES])
def test_each_kind_gets_a_token_that_the_server_takes(server, settings, kind):
    tokens = tokens_of(settings(server, kind))
    assert [get_patient(server, tokens) for _ in range(3)] == [200, 200, 200]
    assert len(server.tokens) == 1


def test_equal_settings_share_one_token(server, settings):
    one, same = settings(server, "oauth2"), settings(server, "oauth2")
    other = settings(server, "oauth2", scope="read")
    assert one is not same
    assert tokens_of(one) is tokens_of(same)
    assert tokens_of(one) is not tokens_of(other)


@pytest.mark.parametrize("kind", ["bearer", *FETCHES])
def test_an_object_does_not_show_its_token(server, settings, kind):
    tokens = tokens_of(settings(server, kind))
    name = "GivenTokens" if kind == "bearer" else "KeptTokens"
    shown = f"{name}({server.base!r}{'' if kind == 'bearer' else f', {kind!r}'})"
    assert [repr(tokens), tokens.token(), repr(tokens)] == [
        shown,
        *server.tokens,
        shown,
    ]


# --- how long --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["oauth2", "smart"])
def test_an_expiring_token_is_renewed_before_its_end(server, settings, clock, kind):
    server.lifetime = 2
    tokens = kept(settings(server, kind), clock)
    for tenth in range(51):
        clock.now = 1000 + tenth / 10
        get_patient(server, tokens)
    assert server.statuses == {200: 51}
    assert server.requests["/token"] == 4


def test_an_expiring_token_is_renewed_in_time_by_a_real_clock(settings):
    with run_server() as server:
        server.lifetime = 2
        tokens = tokens_of(settings(server, "oauth2"))
        while server.requests["/token"] < 2:
            assert get_patient(server, tokens) == 200


@pytest.mark.parametrize("kind", FETCHES)
@pytest.mark.parametrize(
    ("lifetime", "kept_at", "renewed_at"),
    [(20, 12, 16.1), (300, 230, 241), (3600, 3530, 3541)],
)
def test_a_token_is_kept_for_most_of_its_life(
    server, settings, clock, kind, lifetime, kept_at, renewed_at
):
    server.lifetime = lifetime
    tokens = kept(settings(server, kind), clock)
    seen = []
    for seconds in (0, kept_at, renewed_at):
        clock.now = 1000 + seconds
        seen.append(tokens.token())
    assert seen == ["secret-token-0", "secret-token-0", "secret-token-1"]


def test_a_token_without_a_lifetime_is_kept_until_it_is_refused(
    server, settings, clock
):
    server.lifetime = None
    tokens = kept(settings(server, "oauth2"), clock)
    assert tokens.token() == "secret-token-0"
    clock.now += 1_000_000
    assert tokens.token() == "secret-token-0"
    tokens.refuse("secret-token-0")
    assert tokens.token() == "secret-token-1"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (300, 300),
        ("300", 300),
        (299.5, 299.5),
        (0, 0),
        (-5, -5),
        (None, None),
        ("soon", None),
        (True, None),
        ([], None),
        (float("inf"), None),
        (float("nan"), None),
    ],
)
def test_a_lifetime_is_a_number_or_unknown(said, seconds):
    document = {"access_token": "secret-token", "expires_in": said}
    grant = grant_of(document, "https://server/token")
    assert (grant.token, grant.seconds) == ("secret-token", seconds)
    assert not leaks(repr(grant))


def test_a_lifetime_begins_when_the_token_is_asked_for(server, settings, clock):
    server.lifetime = 20

    def answer_late():
        clock.now += 17

    server.faults.append(answer_late)
    tokens = kept(settings(server, "oauth2"), clock)
    assert [tokens.token(), tokens.token()] == ["secret-token-0", "secret-token-1"]


def test_a_lifetime_that_is_over_counts_as_unknown(server, settings, clock):
    server.lifetime = -5
    tokens = kept(settings(server, "azure"), clock)
    assert [tokens.token(), tokens.token()] == ["secret-token-0"] * 2


# --- many threads ----------------------------------------------------------------


def all_at_once(call, count=16):
    """What many threads get that call at once: results, or errors as texts."""
    barrier, results = threading.Barrier(count), []

    def run():
        barrier.wait()
        try:
            results.append(call())
        except FhirServerError as error:
            results.append((type(error), str(error)))

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_threads_that_ask_at_once_cause_one_request(settings):
    with run_server() as server:
        server.faults.append(lambda: time.sleep(0.1))
        wanted = settings(server, "oauth2")
        tokens = all_at_once(lambda: tokens_of(wanted).token())
        assert tokens == ["secret-token-0"] * 16
        assert server.requests["/token"] == 1


def test_threads_that_ask_at_once_share_a_failure(settings):
    with run_server() as server:
        server.faults.append(lambda: time.sleep(0.3) or answer(503)())
        tokens = tokens_of(settings(server, "oauth2"))
        failure = f"{server.url}/token gives no token for now (503)"
        assert all_at_once(tokens.token) == [(FhirUnavailableError, failure)] * 16
        assert server.requests["/token"] == 1
        assert tokens.token() == "secret-token-0"


def test_nobody_waits_for_a_renewal_while_a_token_is_good(server, settings, clock):
    tokens = kept(settings(server, "oauth2"), clock)
    tokens.token()
    clock.now += 250
    asked, go = threading.Event(), threading.Event()
    server.faults.append(lambda: asked.set() or (go.wait(5) and None))
    renewing = threading.Thread(target=tokens.token)
    renewing.start()
    assert asked.wait(5)
    assert tokens.token() == "secret-token-0"
    go.set()
    renewing.join()
    assert tokens.token() == "secret-token-1"
    assert server.requests["/token"] == 2


def test_nobody_leaves_with_a_token_that_may_run_out_on_the_way(
    server, settings, clock
):
    tokens = kept(settings(server, "oauth2"), clock)
    tokens.token()
    clock.now += 296
    asked, go = threading.Event(), threading.Event()
    server.faults.append(lambda: asked.set() or (go.wait(5) and None))
    given = []
    threads = [
        threading.Thread(target=lambda: given.append(tokens.token())) for _ in range(2)
    ]
    threads[0].start()
    assert asked.wait(5)
    threads[1].start()
    threads[1].join(0.2)
    assert given == []
    go.set()
    for thread in threads:
        thread.join()
    assert given == ["secret-token-1"] * 2
    assert server.requests["/token"] == 2


# --- what a server refuses -------------------------------------------------------


@pytest.mark.parametrize("kind", FETCHES)
def test_a_refused_token_is_not_given_again(server, settings, kind):
    tokens = tokens_of(settings(server, kind))
    token = tokens.token()
    server.revoke(token)
    assert get_patient(server, tokens) == 401
    tokens.refuse(token)
    assert get_patient(server, tokens) == 200
    tokens.refuse(token)  # another thread's, late: it has been renewed already
    assert get_patient(server, tokens) == 200
    assert list(server.tokens) == ["secret-token-0", "secret-token-1"]


@pytest.mark.parametrize("kind", FETCHES)
def test_a_refused_token_that_is_granted_again_is_an_error(server, settings, kind):
    tokens = tokens_of(settings(server, kind))
    tokens.refuse(tokens.token())
    server.repeats = True
    assert error_of(tokens.token, server) == (
        FhirRefusedError,
        f"SERVER/fhir refuses the token that --fhir_auth={kind} gives, also when asked"
        " again: does it accept tokens of this issuer and scope?",
    )
    server.repeats = False
    assert get_patient(server, tokens) == 200


# --- renewals that fail ----------------------------------------------------------


def test_a_good_token_outlives_a_renewal_that_fails_for_now(
    server, settings, clock, caplog
):
    tokens = kept(settings(server, "oauth2"), clock)
    tokens.token()
    server.faults.extend([answer(503)] * 5)
    asked = []
    for seconds in (241, 252, 254, 262, 264, 299):
        clock.now = 1000 + seconds
        assert tokens.token() == "secret-token-0"
        asked.append((seconds, server.requests["/token"]))
    assert asked == [(241, 2), (252, 2), (254, 3), (262, 3), (264, 4), (299, 5)]
    failure = f"{server.url}/token gives no token for now (503)"
    logged = [r.getMessage() for r in caplog.records if r.name.startswith("pipeline")]
    assert logged == [
        f"{failure}; the last token is good for {left} s more"
        for left in (59, 46, 36, 1)
    ]
    clock.now = 1301
    assert error_of(tokens.token) == (FhirUnavailableError, failure)
    assert tokens.token() == "secret-token-1"


def test_a_renewal_that_is_refused_is_an_error_at_once(server, settings, clock):
    tokens = kept(settings(server, "oauth2"), clock)
    tokens.token()
    clock.now += 241
    server.clients["client:1"].phrase = "secret-changed"
    assert error_of(tokens.token)[0] is FhirRefusedError


# --- tokens that somebody else keeps fresh ---------------------------------------


def test_a_file_is_read_again_whenever_it_was_replaced(server, settings, tmp_path):
    tokens = tokens_of(settings(server, "bearer"))
    assert get_patient(server, tokens) == 200
    server.revoke("secret-token-0")
    (tmp_path / "new").write_text(server.give())
    (tmp_path / "new").rename(tmp_path / "token")
    assert get_patient(server, tokens) == 200
    assert server.statuses == {200: 2}


def test_a_refused_token_of_a_file_is_not_given_again(server, settings, tmp_path):
    tokens = tokens_of(settings(server, "bearer"))
    tokens.refuse(tokens.token())
    assert error_of(tokens.token, server) == (
        FhirRefusedError,
        f"SERVER/fhir refuses the token in {tmp_path}/token: put a new one there",
    )
    (tmp_path / "token").write_text(server.give())
    assert get_patient(server, tokens) == 200


@pytest.mark.parametrize(
    ("content", "token"),
    [
        (b"  secret-abc.DEF_~+/==\r\n", "secret-abc.DEF_~+/=="),
        (b"\xef\xbb\xbfsecret-bom", "secret-bom"),
    ],
)
def test_a_token_is_what_is_between_blanks(server, settings, tmp_path, content, token):
    tokens = tokens_of(settings(server, "bearer"))
    (tmp_path / "token").write_bytes(content)
    assert tokens.token() == token


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b" \n", "{} holds nothing where this runs: put the token there"),
        (b"Bearer secret-abc", "{} holds no token: that is one word of ASCII"),
        (b"secret-\nabc", "{} holds no token: that is one word of ASCII"),
        (b"secret-\xff\xfe", "{} holds no token: that is one word of ASCII"),
        (None, "{} cannot be read where this runs: No such file or directory"),
    ],
)
def test_a_file_without_a_token_is_named(server, settings, tmp_path, content, problem):
    tokens = tokens_of(settings(server, "bearer"))
    (tmp_path / "token").unlink()
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    place = f"--fhir_token_file: {tmp_path}/token"
    problem = problem.replace("{}", place)
    assert error_of(tokens.token) == (FhirRefusedError, problem)


def test_a_variable_holds_a_token(server, settings, monkeypatch):
    named = {"token_file": None, "token_env": "FHIR_TOKEN"}
    own = settings(server, "bearer", **named)
    tokens = tokens_of(own)
    monkeypatch.delenv("FHIR_TOKEN", raising=False)
    assert error_of(tokens.token) == (
        FhirRefusedError,
        "--fhir_token_env: the environment variable FHIR_TOKEN holds nothing where this"
        " runs: put the token there",
    )
    monkeypatch.setenv("FHIR_TOKEN", server.give())
    assert get_patient(server, tokens) == 200
    tokens.refuse(tokens.token())
    assert error_of(tokens.token, server) == (
        FhirRefusedError,
        "SERVER/fhir refuses the token in the environment variable FHIR_TOKEN: put a"
        " new one there",
    )


# --- OAuth 2.0 -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "asked"), [(None, {}), ("read write", {"scope": "read write"})]
)
def test_a_client_with_a_secret_asks_for_a_scope_if_told_to(
    server, settings, tmp_path, scope, asked
):
    (tmp_path / "client").write_text(f"{HIDDEN}\n")
    own = settings(
        server,
        "oauth2",
        scope=scope,
        client_secret_env=None,
        client_secret_file=f"{tmp_path}/client",
    )
    assert get_patient(server, tokens_of(own)) == 200
    assert server.forms == [{"grant_type": "client_credentials", **asked}]


def test_a_secret_is_read_when_it_is_used(server, settings, tmp_path, clock):
    (tmp_path / "client").write_text(HIDDEN)
    own = settings(
        server,
        "oauth2",
        client_secret_env=None,
        client_secret_file=f"{tmp_path}/client",
    )
    tokens = kept(own, clock)
    tokens.token()
    server.clients["client:1"].phrase = "secret-new"
    (tmp_path / "client").write_text("secret-new")
    clock.now += 299
    assert tokens.token() == "secret-token-1"


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ("", "holds nothing where this runs: put the secret there"),
        ("secret-ü", "holds no secret: that is one line of ASCII"),
    ],
)
def test_a_variable_without_a_secret_is_named(
    server, settings, monkeypatch, secret, problem
):
    tokens = tokens_of(settings(server, "oauth2"))
    monkeypatch.setenv("CLIENT_SECRET", secret)
    assert error_of(tokens.token) == (
        FhirRefusedError,
        f"--fhir_client_secret_env: the environment variable CLIENT_SECRET {problem}",
    )


JSON = {"Content-Type": "application/json"}


def oauth_error(code, status=400):
    body = {"error": code, "error_description": "secret-description"}
    return answer(status, json.dumps(body), **JSON)


FIX_CLIENT = "are --fhir_client_id and the secret in the variable CLIENT_SECRET right?"
FIX_KEY = (
    "are --fhir_client_id and --fhir_key_id right, is the public half of"
    " --fhir_private_key registered there, and does this machine's clock go right?"
)
FIX_URL = "is --fhir_token_url right?"
NO_JSON = "gives no token: it does not answer with JSON"
FIX_ELSE = "whoever runs it can say why"


@pytest.mark.parametrize(
    ("fault", "error", "problem"),
    [
        (oauth_error("invalid_client", 401), FhirRefusedError, "(invalid_client): FIX"),
        (
            oauth_error("invalid_scope"),
            FhirRefusedError,
            "(invalid_scope): ask for less with --fhir_scope, or have this client"
            " allowed more",
        ),
        (
            oauth_error("unauthorized_client"),
            FhirRefusedError,
            "(unauthorized_client): have the grant client_credentials allowed to this"
            " client",
        ),
        (
            oauth_error("unsupported_grant_type"),
            FhirRefusedError,
            "(unsupported_grant_type): it does not know the grant client_credentials;"
            f" {FIX_URL}",
        ),
        (oauth_error("odd_one"), FhirRefusedError, f"(odd_one): {FIX_ELSE}"),
        (oauth_error("secret-1 x"), FhirRefusedError, f"(400): {FIX_URL}"),
        (oauth_error(["secret-1"]), FhirRefusedError, f"(400): {FIX_URL}"),
        (oauth_error("odd_one", 200), FhirRefusedError, f"(odd_one): {FIX_ELSE}"),
        (answer(404, "<html>secret-"), FhirRefusedError, f"(404): {FIX_URL}"),
        (answer(405), FhirRefusedError, f"(405): {FIX_URL}"),
        (oauth_error("server_error"), FhirUnavailableError, "for now (server_error)"),
        (answer(408), FhirUnavailableError, "for now (408)"),
        (answer(429, "secret-"), FhirUnavailableError, "for now (429)"),
        (answer(500, "<html>secret-"), FhirUnavailableError, "for now (500)"),
        (oauth_error("odd_one", 503), FhirUnavailableError, "for now (odd_one)"),
    ],
)
@pytest.mark.parametrize(("kind", "fix"), [("oauth2", FIX_CLIENT), ("smart", FIX_KEY)])
def test_an_error_of_the_token_endpoint_says_what_to_do(
    server, settings, kind, fix, fault, error, problem
):
    tokens = tokens_of(settings(server, kind, token_url=server.token_url))
    server.faults.append(fault)
    expected = f"SERVER/token gives no token {problem.replace('FIX', fix)}"
    assert error_of(tokens.token, server) == (error, expected)
    assert get_patient(server, tokens) == 200


@pytest.mark.parametrize(
    ("status", "body", "error", "problem"),
    [
        (200, "<html>secret-", FhirUnavailableError, NO_JSON),
        (200, '["secret-1"]', FhirUnavailableError, NO_JSON),
        (200, "", FhirUnavailableError, NO_JSON),
        (
            200,
            '{"error": null, "access_token": "secret-1"}',
            FhirRefusedError,
            f"gives no token (200): {FIX_URL}",
        ),
        (200, '{"token": "secret-1"}', FhirUnavailableError, "answers without a token"),
        (200, '{"access_token": ""}', FhirUnavailableError, "answers without a token"),
        (200, '{"access_token": 1}', FhirUnavailableError, "answers without a token"),
        (
            200,
            '{"access_token": "secret-1\\nx", "token_type": "Bearer"}',
            FhirUnavailableError,
            "answers without a token",
        ),
        (
            200,
            '{"access_token": "secret-1", "token_type": "secret-type"}',
            FhirRefusedError,
            "gives tokens of another type than Bearer: have this client registered for"
            " Bearer tokens",
        ),
        (
            302,
            "secret-",
            FhirRefusedError,
            "gives no token (302): give --fhir_token_url the address it sends us to",
        ),
    ],
)
def test_an_answer_without_a_token_is_an_error(
    server, settings, status, body, error, problem
):
    tokens = tokens_of(settings(server, "oauth2"))
    server.faults.append(answer(status, body, Location=f"{server.url}/google"))
    assert error_of(tokens.token, server) == (error, f"SERVER/token {problem}")
    assert server.requests["/google"] == 0


@pytest.mark.parametrize("said", [{}, {"token_type": "bEaReR", "expires_in": "soon"}])
def test_an_answer_may_say_little_and_oddly(server, settings, said):
    tokens = tokens_of(settings(server, "oauth2"))
    body = json.dumps({"access_token": server.give(), **said})
    server.faults.append(answer(200, body))
    assert [get_patient(server, tokens) for _ in range(2)] == [200, 200]


def test_a_wrong_secret_is_refused(server, settings, monkeypatch):
    tokens = tokens_of(settings(server, "oauth2"))
    monkeypatch.setenv("CLIENT_SECRET", "secret-wrong")
    assert error_of(tokens.token, server) == (
        FhirRefusedError,
        f"SERVER/token gives no token (invalid_client): {FIX_CLIENT}",
    )


# --- on the way to the token endpoint --------------------------------------------


def test_nobody_at_the_token_endpoint_is_said_so(server, settings):
    url = f"http://127.0.0.1:{free_port()}/token?key=secret-1"
    tokens = tokens_of(settings(server, "oauth2", token_url=url))
    place = url.partition("?")[0]
    assert error_of(tokens.token) == (
        FhirUnavailableError,
        f"{place} cannot be reached: Connection refused",
    )


def test_a_proxy_that_does_not_connect_is_said_so(server, settings, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY")
    url = "https://server.invalid/token"
    tokens = tokens_of(settings(server, "oauth2", token_url=url))
    assert error_of(tokens.token) == (
        FhirUnavailableError,
        f"{url} is not reached through the proxy",
    )


SLOW = {
    "oauth2": "SERVER/token",
    "smart": "SERVER/fhir/.well-known/smart-configuration",
    "azure": "Azure's identity endpoint",
    "google": "Google's token endpoint",
}


@pytest.mark.parametrize("kind", SLOW)
def test_a_slow_answer_is_not_waited_for(server, settings, kind):
    tokens = tokens_of(settings(server, kind, timeout_s=0.2))
    go, started = threading.Event(), time.monotonic()
    server.faults.append(lambda: go.wait(5) and None)
    assert error_of(tokens.token, server) == (
        FhirUnavailableError,
        f"{SLOW[kind]} does not answer within 0.2 s",
    )
    assert time.monotonic() - started < 2
    go.set()


def test_an_answer_that_breaks_off_is_said_so(server, settings):
    tokens = tokens_of(settings(server, "oauth2"))
    server.faults.append(hang_up)
    assert error_of(tokens.token, server) == (
        FhirUnavailableError,
        "SERVER/token cannot be reached: the connection breaks off",
    )


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (
            "https://me:secret-@server:8443/token?key=secret-#x",
            "https://server:8443/token",
        ),
        ("https://[server/token", "the token endpoint"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url, place):
    assert place_of(url) == place


def test_an_address_that_is_none_is_said_so(server, settings):
    url = "https://[server/token"
    tokens = tokens_of(settings(server, "oauth2", token_url=url))
    assert error_of(tokens.token) == (
        FhirRefusedError,
        "the token endpoint is no address: a token endpoint is like"
        " https://server/token",
    )


@pytest.mark.parametrize("kind", ["oauth2", "smart", "google"])
def test_a_private_ca_is_trusted_where_it_is_named(
    settings, tmp_path, monkeypatch, kind
):
    ca, *certificate = certificate_of(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate[0])
    with run_server(certificate=certificate) as server:
        tokens = tokens_of(settings(server, kind, ca=ca))
        assert tokens.token() == "secret-token-0"


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("oauth2", "SERVER/token"),
        ("smart", "SERVER/fhir/.well-known/smart-configuration"),
        ("google", "Google's token endpoint"),
    ],
)
@pytest.mark.parametrize(
    ("trusted", "address", "reason"),
    [
        ("another", "127.0.0.1", "unable to get local issuer certificate"),
        (None, "127.0.0.1", "unable to get local issuer certificate"),
        (
            "its own",
            "127.0.0.2",
            "IP address mismatch, certificate is not valid for '127.0.0.1'",
        ),
    ],
)
def test_a_certificate_of_somebody_else_is_not_trusted(
    settings, tmp_path, kind, place, trusted, address, reason
):
    (tmp_path / "another").mkdir()
    another, *_ = certificate_of(tmp_path / "another", ca="another CA")
    ca, *certificate = certificate_of(tmp_path, address)
    ca = {"another": another, "its own": ca, None: None}[trusted]
    with run_server(certificate=certificate) as server:
        tokens = tokens_of(settings(server, kind, ca=ca))
        assert error_of(tokens.token, server) == (
            FhirRefusedError,
            f"{place}: its certificate is not trusted ({reason}): name the file of its"
            " authority's certificate with --fhir_ca",
        )
        assert server.requests == {}


def test_an_endpoint_without_tls_is_said_so(server, settings):
    url = server.token_url.replace("http:", "https:")
    tokens = tokens_of(settings(server, "oauth2", token_url=url))
    assert error_of(tokens.token) == (
        FhirUnavailableError,
        f"{url} cannot be reached by TLS: wrong version number",
    )


@pytest.mark.parametrize("content", [None, b"", b"secret-"])
@pytest.mark.parametrize("kind", FETCHES)
def test_a_ca_that_is_none_is_named(server, settings, tmp_path, kind, content):
    ca = tmp_path / "ca.pem"
    if content is not None:
        ca.write_bytes(content)
    tokens = tokens_of(settings(server, kind, ca=str(ca)))
    assert error_of(tokens.token) == (
        FhirRefusedError,
        f"--fhir_ca: {ca} is no file of certificates where this runs",
    )


@pytest.mark.parametrize(
    "url",
    ["http://server/token", "server/token", "ftp://server/token", "https://[server"],
)
def test_a_token_endpoint_without_tls_is_a_usage_error(url):
    flags = {"auth": "smart", "client_id": "me", "private_key": "key"}
    with pytest.raises(UsageError) as caught:
        servers_of(("https://server/fhir",), {**flags, "token_url": url}, None)
    assert str(caught.value) == (
        "--fhir_token_url: secrets must not travel unencrypted (RFC 6749, section 3.2):"
        " a token endpoint is like https://server/token"
    )


@pytest.mark.parametrize(
    "url", ["https://server/token", "http://localhost:8080/token", "http://[::1]/token"]
)
def test_a_token_endpoint_is_private_with_tls_or_on_this_machine(url):
    flags = {"auth": "smart", "client_id": "me", "private_key": "key"}
    (server,) = servers_of(("https://server/fhir",), {**flags, "token_url": url}, None)
    assert server.auth.token_url == url


# --- SMART Backend Services ------------------------------------------------------


def jwks(*keys):
    return json.dumps({"keys": list(keys)}).encode()


RSA_JWK = jwk_of(RSA, kid="rsa", use="sig", alg="RS384")
EC_JWK = jwk_of(EC, kid="ec", key_ops=["sign"])
PUBLIC_JWK = jwk_of(EC, private=False, kid="ec", key_ops=["verify"])
ENCRYPTING_JWK = jwk_of(EC, kid="enc", use="enc")
ODD_JWK = {"kty": "AKP", "kid": "odd"}

RS384, ES384 = ("RS384", "rsa"), ("ES384", "ec")


@pytest.mark.parametrize(
    ("content", "key_id", "signed"),
    [
        (pem_of(RSA), "rsa", RS384),
        (pem_of(EC), "ec", ES384),
        (json.dumps(RSA_JWK).encode(), None, RS384),
        (json.dumps(EC_JWK).encode(), None, ES384),
        (b"\n " + json.dumps(EC_JWK).encode(), None, ES384),
        (json.dumps(EC_JWK).encode(), "ec", ES384),
        (jwks(PUBLIC_JWK, ENCRYPTING_JWK, EC_JWK, ODD_JWK), None, ES384),
        (jwks(RSA_JWK, PUBLIC_JWK, EC_JWK), "ec", ES384),
        (jwks(RSA_JWK, PUBLIC_JWK, EC_JWK), "rsa", RS384),
    ],
)
def test_a_key_signs_as_its_kind_does(
    server, settings, tmp_path, content, key_id, signed
):
    own = settings(server, "smart", key_id=key_id)
    (tmp_path / "key").write_bytes(content)
    assert get_patient(server, tokens_of(own)) == 200
    ((header, _claims),) = server.assertions
    assert header == {"typ": "JWT", "alg": signed[0], "kid": signed[1]}


def test_a_pem_without_a_key_id_leaves_it_to_the_server(server, settings):
    server.clients["signer"].keys = KeySet([public(EC, "ec")])
    assert get_patient(server, tokens_of(settings(server, "smart", key_id=None))) == 200
    ((header, _claims),) = server.assertions
    assert header == {"typ": "JWT", "alg": "ES384"}


def test_a_discovery_shows_no_other_credentials(
    server, settings, tmp_path, monkeypatch
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret-netrc\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert tokens_of(settings(server, "smart")).token() == "secret-token-0"


SIGNS = "that signs with RS384 (RSA) or ES384 (EC P-384)"
P256_JWK = jwk_of(ec.generate_private_key(ec.SECP256R1()))
NO_KEY = "is no PEM, JWK or JWKS without a password"


@pytest.mark.parametrize(
    ("content", "key_id", "problem"),
    [
        (None, None, "cannot be read where this runs: No such file or directory"),
        (b"", None, NO_KEY),
        (b"secret-", None, NO_KEY),
        (b'{"secret-', None, NO_KEY),
        (b'{"secret-": 1}', None, NO_KEY),
        (b'{"keys": 1}', None, NO_KEY),
        (b'{"keys": ["secret-"]}', None, NO_KEY),
        (b'{"kty": "RSA", "n": "secret-"}', None, NO_KEY),
        (b'{"kty": "EC", "crv": "P-1", "x": "", "y": ""}', None, NO_KEY),
        (b'{"kty": ["secret-"]}', None, f"holds no private key {SIGNS}"),
        (pem_of(RSA, b"secret-password"), None, NO_KEY),
        (pem_of(RSA)[:200], None, NO_KEY),
        (json.dumps(PUBLIC_JWK).encode(), None, f"holds no private key {SIGNS}"),
        (json.dumps(P256_JWK).encode(), None, f"holds no private key {SIGNS}"),
        (
            json.dumps({**RSA_JWK, "alg": "RS256"}).encode(),
            None,
            f"holds no private key {SIGNS}",
        ),
        (jwks(), None, f"holds no private key {SIGNS}"),
        (
            jwks(RSA_JWK, EC_JWK),
            None,
            "holds 2 keys that sign: say which with --fhir_key_id",
        ),
        (
            jwks(RSA_JWK, RSA_JWK),
            "rsa",
            "holds 2 keys that may be the one of --fhir_key_id: leave one",
        ),
        (
            json.dumps(EC_JWK).encode(),
            "other",
            f"holds no private key with the kid of --fhir_key_id {SIGNS}",
        ),
        (
            jwks(RSA_JWK, EC_JWK),
            "other",
            f"holds no private key with the kid of --fhir_key_id {SIGNS}",
        ),
    ],
)
def test_a_file_without_one_signing_key_is_named(
    server, settings, tmp_path, content, key_id, problem
):
    tokens = tokens_of(settings(server, "smart", key_id=key_id))
    (tmp_path / "key").unlink()
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    problem = f"--fhir_private_key: {tmp_path}/key {problem}"
    assert error_of(tokens.token) == (FhirRefusedError, problem)


def test_each_assertion_is_for_one_request(server, settings, clock):
    tokens = kept(settings(server, "smart"), clock)
    before = int(time.time())
    for _ in range(2):
        tokens.refuse(tokens.token())
    after = int(time.time())
    claims = [claims for _header, claims in server.assertions]
    assert claims[0]["jti"] != claims[1]["jti"]
    for one in claims:
        assert before <= one["iat"] <= after
        assert one == {
            "iss": "signer",
            "sub": "signer",
            "aud": server.token_url,
            "iat": one["iat"],
            "exp": one["iat"] + 240,
            "jti": one["jti"],
        }
    replayed = requests.post(server.token_url, server.forms[0], timeout=5)
    assert (replayed.status_code, replayed.json()) == (
        400,
        {"error": "invalid_client", "error_description": "JWT ID is used before."},
    )


def test_a_key_that_is_not_registered_is_refused(server, settings, tmp_path):
    tokens = tokens_of(settings(server, "smart"))
    (tmp_path / "key").write_bytes(pem_of(ec.generate_private_key(ec.SECP384R1())))
    assert error_of(tokens.token, server) == (
        FhirRefusedError,
        f"SERVER/token gives no token (invalid_client): {FIX_KEY}",
    )


CONFIGURATION = "/fhir/.well-known/smart-configuration"


@pytest.mark.parametrize(("given", "discovered"), [(False, 1), (True, 0)])
def test_the_token_endpoint_is_discovered_unless_it_is_given(
    server, settings, given, discovered
):
    url = server.token_url if given else None
    tokens = tokens_of(settings(server, "smart", token_url=url))
    assert get_patient(server, tokens) == 200
    assert server.requests[CONFIGURATION] == discovered


@pytest.mark.parametrize(
    ("said", "given", "scope"),
    [
        ({}, None, V2),
        ({}, "system/Device.cruds", "system/Device.cruds"),
        ({"capabilities": ["permission-v1"]}, None, V1),
        (
            {"capabilities": ["permission-v1"]},
            "system/Device.read",
            "system/Device.read",
        ),
        ({"capabilities": ["permission-v1", "permission-v2"]}, None, V2),
        ({"capabilities": []}, None, V2),
        ({"capabilities": "?", "scopes_supported": {"?": 1}}, None, V2),
        (
            {"capabilities": [], "scopes_supported": ["openid", "system/*.read"]},
            None,
            V1,
        ),
        ({"capabilities": [], "scopes_supported": ["system/*.*"]}, None, V1),
        (
            {"capabilities": [], "scopes_supported": ["system/*.read", "system/*.rs"]},
            None,
            V2,
        ),
    ],
)
def test_the_default_scope_is_written_as_the_server_does(
    server, settings, said, given, scope
):
    server.says = said
    server.clients["signer"].scope = f"{V1} {V2} system/Device.read"
    tokens_of(settings(server, "smart", scope=given)).token()
    assert [form["scope"] for form in server.forms] == [scope]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (
            {"token_endpoint_auth_methods_supported": ["client_secret_basic"]},
            "does not list private_key_jwt: clients cannot sign in with a key there, is"
            " it --fhir_auth=oauth2?",
        ),
        (
            {"token_endpoint_auth_signing_alg_values_supported": ["RS384"]},
            "does not list ES384, which is how --fhir_private_key signs: have an RSA"
            " key registered there",
        ),
        *(
            (
                {"token_endpoint": url},
                "names no token endpoint with https: give it with --fhir_token_url",
            )
            for url in (None, 1, "/token", "http://server/token", "https://[x")
        ),
    ],
)
def test_a_server_that_does_not_take_our_key_says_so(server, settings, said, problem):
    server.says = said
    tokens = tokens_of(settings(server, "smart"))
    assert error_of(tokens.token, server) == (
        FhirRefusedError,
        f"SERVER{CONFIGURATION} {problem}",
    )
    assert server.requests["/token"] == 0


NO_SMART = "does it speak SMART? if so, give its token endpoint with --fhir_token_url"


@pytest.mark.parametrize(
    ("fault", "error", "problem"),
    [
        (answer(404), FhirRefusedError, f"gives no configuration (404): {NO_SMART}"),
        (
            answer(401, "secret-"),
            FhirRefusedError,
            f"gives no configuration (401): {NO_SMART}",
        ),
        (
            answer(503),
            FhirUnavailableError,
            "gives no configuration for now (503)",
        ),
        (
            answer(200, "<html>"),
            FhirUnavailableError,
            "gives no configuration: it does not answer with JSON",
        ),
        (
            answer(302, Location="https://elsewhere.invalid"),
            FhirRefusedError,
            "gives no configuration (302): give --fhir_token_url the address it sends"
            " us to",
        ),
    ],
)
def test_a_discovery_that_fails_says_what_to_do(
    server, settings, fault, error, problem
):
    tokens = tokens_of(settings(server, "smart"))
    server.faults.append(fault)
    assert error_of(tokens.token, server) == (error, f"SERVER{CONFIGURATION} {problem}")
    assert get_patient(server, tokens) == 200


# --- Azure -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, {"resource": "http://127.0.0.1"}),
        (
            {"client_id": "me", "scope": "https://fhir.example.org/.default"},
            {"resource": "https://fhir.example.org", "client_id": "me"},
        ),
    ],
)
def test_an_azure_identity_asks_for_the_fhir_server(server, settings, given, asked):
    assert get_patient(server, tokens_of(settings(server, "azure", **given))) == 200
    assert server.queries == [{"api-version": "2019-08-01", **asked}]


def run_on_azure(monkeypatch, url):
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", url)


def test_a_machine_of_azure_has_an_identity(server, settings, monkeypatch):
    tokens = tokens_of(settings(server, "azure", client_id="me"))
    run_on_azure(monkeypatch, server.url)
    assert get_patient(server, tokens) == 200
    asked = {"resource": "http://127.0.0.1", "client_id": "me"}
    assert server.queries == [{"api-version": "2018-02-01", **asked}]


def test_azure_logs_nothing_below_a_warning(server, settings, caplog):
    tokens_of(settings(server, "azure", client_id="me")).token()
    assert not [r for r in caplog.records if r.name.startswith(("azure", "msal"))]


ASSIGN = (
    "assign a managed identity to where this runs, and name it by --fhir_client_id if"
    " there are several"
)


@pytest.mark.parametrize(
    ("fault", "error", "problem"),
    [
        (answer(400, '{"message": "secret-"}'), FhirRefusedError, f"(400): {ASSIGN}"),
        (answer(403, "secret-"), FhirRefusedError, f"(403): {ASSIGN}"),
        (answer(404), FhirUnavailableError, "for now (404)"),
        (answer(429), FhirUnavailableError, "for now (429)"),
        (answer(500, '{"statusCode": 500}'), FhirUnavailableError, "for now (500)"),
        (answer(503, "<html>secret-"), FhirUnavailableError, "for now (503)"),
    ],
)
@pytest.mark.parametrize("machine", [False, True])
def test_an_error_of_azure_says_what_to_do(
    server, settings, monkeypatch, machine, fault, error, problem
):
    tokens = tokens_of(settings(server, "azure"))
    if machine:
        run_on_azure(monkeypatch, server.url)
    server.faults.append(fault)
    assert error_of(tokens.token) == (error, f"Azure gives no token {problem}")
    assert get_patient(server, tokens) == 200


@pytest.mark.parametrize(
    "body",
    [
        "<html>secret-",
        '{"access_token": "secret-1"}',
        '{"access_token": "secret-1", "expires_on": "06/20/2019 02:57:58 +00:00"}',
    ],
)
def test_an_answer_of_azure_without_a_token_is_no_answer(server, settings, body):
    tokens = tokens_of(settings(server, "azure"))
    server.faults.append(answer(200, body, **JSON))
    problem = "Azure answers without a token"
    assert error_of(tokens.token) == (FhirUnavailableError, problem)


NOWHERE = {
    "nobody listens": (
        {
            "IDENTITY_ENDPOINT": "http://127.0.0.1:{port}/",
            "IDENTITY_HEADER": "secret-h",
        },
        FhirUnavailableError,
        "Azure's identity endpoint cannot be reached: Connection refused",
    ),
    "no identity": (
        {"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:{port}"},
        FhirRefusedError,
        f"there is no managed identity here: {ASSIGN}",
    ),
    "half an identity": (
        {
            "AZURE_AUTHORITY_HOST": "https://login.invalid",
            "AZURE_TENANT_ID": "tenant",
            "AZURE_FEDERATED_TOKEN_FILE": "/nowhere/token",
        },
        FhirRefusedError,
        f"the managed identity here is not set up: {ASSIGN}",
    ),
}


@pytest.mark.parametrize("case", NOWHERE)
def test_a_place_without_an_identity_says_so(server, settings, monkeypatch, case):
    environment, error, problem = NOWHERE[case]
    tokens = tokens_of(settings(server, "azure"))
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(port=free_port()))
    assert error_of(tokens.token) == (error, problem)


# --- Google ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (None, "https://www.googleapis.com/auth/cloud-healthcare"),
        ("https://one https://two", "https://one https://two"),
    ],
)
def test_google_credentials_ask_for_a_scope(server, settings, given, asked):
    assert (
        get_patient(server, tokens_of(settings(server, "google", scope=given))) == 200
    )
    assert server.queries == [{"scope": asked}]


@pytest.fixture
def on_google(server, settings, tmp_path, monkeypatch):
    """Tokens as a machine of Google's gets them."""
    tokens = tokens_of(settings(server, "google"))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    place = server.url.removeprefix("http://")
    monkeypatch.setenv("GCE_METADATA_IP", place)
    machine = "google.auth.compute_engine._metadata._GCE_METADATA_HOST"
    monkeypatch.setattr(machine, place)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # it tries some times
    return tokens


def test_a_machine_of_google_has_an_account(server, on_google):
    assert get_patient(server, on_google) == 200
    asked = "https://www.googleapis.com/auth/cloud-healthcare"
    assert server.queries == [{"scopes": asked}]


def test_a_machine_of_google_without_an_account_says_so(server, on_google):
    server.google_keys = None
    assert error_of(on_google.token) == (
        FhirUnavailableError,
        "Google gives no token for now: has this machine a service account?",
    )


LOST = "does the account still exist, and may it use the scope?"


@pytest.mark.parametrize(
    ("fault", "error", "problem"),
    [
        (
            oauth_error("invalid_grant"),
            FhirRefusedError,
            f"Google gives no token (invalid_grant): {LOST}",
        ),
        (
            answer(403, "<html>secret-"),
            FhirRefusedError,
            f"Google gives no token (without a reason): {LOST}",
        ),
        (answer(503), FhirUnavailableError, "Google gives no token for now"),
        (
            answer(200, "<html>secret-"),
            FhirUnavailableError,
            "Google answers without a token",
        ),
        (
            answer(200, '{"token": "secret-"}'),
            FhirUnavailableError,
            "Google answers without a token",
        ),
        (
            answer(200, '{"access_token": "secret-1", "expires_in": "soon"}'),
            FhirUnavailableError,
            "Google answers without a token",
        ),
        (
            answer(200, '{"access_token": null}'),
            FhirUnavailableError,
            "--fhir_auth=google gives something that is no token",
        ),
    ],
)
def test_an_error_of_google_says_what_to_do(
    server, settings, monkeypatch, fault, error, problem
):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # it tries thrice
    tokens = tokens_of(settings(server, "google"))
    server.faults.extend([fault] * 3)
    assert error_of(tokens.token) == (error, problem)


def test_nobody_at_google_is_said_so(server, settings, tmp_path):
    tokens = tokens_of(settings(server, "google"))
    account = (tmp_path / "account").read_text()
    closed = account.replace(server.url, f"http://127.0.0.1:{free_port()}")
    (tmp_path / "account").write_text(closed)
    assert error_of(tokens.token) == (
        FhirUnavailableError,
        "Google's token endpoint cannot be reached: Connection refused",
    )


@pytest.mark.parametrize("account", [None, "", "{}", '{"type": "secret-"}'])
def test_a_place_without_google_credentials_says_so(
    server, settings, tmp_path, monkeypatch, account
):
    tokens = tokens_of(settings(server, "google"))
    if account is None:
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
        machine = "google.auth.compute_engine._metadata._NO_GCE_CHECK"
        monkeypatch.setattr(machine, True, raising=False)  # it asks the network, else
        monkeypatch.setenv("NO_GCE_CHECK", "true")
    else:
        (tmp_path / "account").write_text(account)
    assert error_of(tokens.token) == (
        FhirRefusedError,
        "there are no Google credentials where this runs, or none that can be used: run"
        " on Google Cloud with a service account, or name a key file with"
        " GOOGLE_APPLICATION_CREDENTIALS",
    )


# --- extras ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "package", "library", "extra"),
    [
        ("oauth2", "authlib", "Authlib", "oauth"),
        ("smart", "authlib", "Authlib", "oauth"),
        ("azure", "azure.identity", "azure-identity", "azure"),
        ("google", "google.auth", "google-auth", "google"),
    ],
)
def test_a_library_that_is_missing_is_named(
    server, settings, monkeypatch, kind, package, library, extra
):
    for name in list(sys.modules):
        if name == package or name.startswith(f"{package}."):
            monkeypatch.setitem(sys.modules, name, None)
    for name in ("oauth", "smart", "azure", "google"):
        monkeypatch.delitem(sys.modules, f"pipeline.fhir_{name}")
    assert error_of(lambda: tokens_of(settings(server, kind))) == (
        FhirRefusedError,
        f"--fhir_auth={kind} needs {library}: pip install 'vitalbeam[{extra}]'",
    )


@pytest.mark.parametrize(
    ("kind", "loaded"),
    [
        ("none", []),
        ("bearer", []),
        ("oauth2", ["authlib"]),
        ("smart", ["authlib"]),
        ("azure", ["azure.identity"]),
        ("google", ["google.auth"]),
    ],
)
def test_only_the_library_of_a_kind_is_loaded(kind, loaded):
    code = (
        "import sys\n"
        "from pipeline.fhir_auth import tokens_of\n"
        "from pipeline.fhir_settings import Auth, FhirServer\n"
        f"tokens_of(FhirServer(base='https://server', auth=Auth(kind={kind!r})))\n"
        "print(*({'authlib', 'azure.identity', 'google.auth'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True
    )
    assert done.stdout.decode().split() == loaded
