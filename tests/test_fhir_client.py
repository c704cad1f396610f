"""Talking to a FHIR server that fails in every way a server fails."""

import socket
import threading
import time
from datetime import datetime, timedelta, timezone

import orjson
import pytest
from fhir_server import Fault, FhirStub, outcome
from token_server import certificate_of

from pipeline.fhir_client import FhirClient, check_server
from pipeline.fhir_errors import FhirRefusedError, FhirUnavailableError
from pipeline.fhir_exchange import retry_after
from pipeline.fhir_settings import Auth, FhirServer
from pipeline.options import UsageError
from transforms.bundle import Entry, Outcome, put, read, search


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr("pipeline.fhir_client._jitter", lambda _state: 0.02)


def patient(name, **rest):
    return {"resourceType": "Patient", "id": name, **rest}


def entry(name, **rest):
    return put("Patient", name, orjson.dumps(patient(name, **rest)))


def entries(count):
    return [entry(f"p{number}") for number in range(count)]


def patients(count):
    return {f"p{number}": patient(f"p{number}") for number in range(count)}


def client_of(stub, **settings):
    usual = {"retry_s": 20, "timeout_s": 5, "bundle_size": 4}
    return FhirClient(FhirServer(base=stub.base, **{**usual, **settings}))


CREATED = Outcome(201, version="1")


def created(count):
    return [CREATED._replace(id=f"p{number}") for number in range(count)]


@pytest.mark.parametrize("bundle_size", [1, 3, 500])
def test_every_entry_gets_its_own_answer(stub, bundle_size):
    found, traffic = client_of(stub, bundle_size=bundle_size).send(entries(7))
    assert found == created(7)
    assert stub.store.everything("Patient") == {
        f"p{n}": patient(f"p{n}") for n in range(7)
    }
    assert (
        sorted(count for *_, count in stub.requests)
        == {
            1: [1] * 7,
            3: [1, 3, 3],
            500: [7],
        }[bundle_size]
    )
    assert traffic["FhirRequest"] == len(stub.requests)
    assert traffic["FhirRetry"] == 0


def test_a_bundle_has_no_more_bytes_than_allowed(stub):
    client_of(stub, bundle_mb=0.0001).send(entries(6))  # 100 bytes: two of them
    assert [count for *_, count in stub.requests] == [2, 2, 2]


FAULTS = {
    "408": Fault(status=408),
    "425": Fault(status=425),
    "429": Fault(status=429, retry_after="0"),
    "500": Fault(status=500),
    "500 after the work": Fault(status=500, after=True),
    "502": Fault(status=502, body=b"<html>Bad Gateway</html>"),
    "503": Fault(status=503),
    "504 after the work": Fault(status=504, after=True),
    "reset": Fault(reset=True),
    "reset after the work": Fault(reset=True, after=True),
    "slow": Fault(wait_s=1.5),
    "cut off": Fault(cut=True),
    "no JSON": Fault(body=b"<html>Welcome to the hospital's wifi</html>"),
    "empty": Fault(body=b""),
    "no Bundle": Fault(body=b'{"resourceType":"Patient"}'),
    "too few entries": Fault(body=b'{"resourceType":"Bundle","entry":[]}'),
    "no status": Fault(body=b'{"resourceType":"Bundle","entry":[{"response":{}}]}'),
    "some 500": Fault(entries=500),
    "some 503": Fault(entries=503),
    "some 429": Fault(entries=429),
    "some 408": Fault(entries=408),
    "some 409": Fault(entries=409),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_may_pass_is_tried_again_until_all_is_done(stub, name):
    stub.faults.extend([FAULTS[name], FAULTS[name]])
    found, traffic = client_of(stub, timeout_s=0.5).send(entries(4))
    assert stub.store.everything("Patient") == {
        f"p{n}": patient(f"p{n}") for n in range(4)
    }
    # What was done before the answer was lost is there already: 200 instead of 201.
    assert [(one.id, one.version) for one in found] == [
        (f"p{n}", "1") for n in range(4)
    ]
    assert all(len(stub.store.versions["Patient", f"p{n}"]) == 1 for n in range(4))
    assert traffic["FhirRetry"] >= 1
    assert traffic["FhirRequest"] == len(stub.requests)


@pytest.mark.parametrize(
    "name", [n for n in FAULTS if not n.startswith(("some", "no", "too", "empty"))]
)
def test_single_interactions_are_tried_again_too(stub, name):
    stub.faults.extend([FAULTS[name], FAULTS[name]])
    found, _ = client_of(stub, timeout_s=0.5, bundle_size=1).send(entries(2))
    assert [(one.id, one.version) for one in found] == [("p0", "1"), ("p1", "1")]


def test_only_what_failed_is_sent_again(stub):
    stub.faults.append(Fault(entries=503))
    client_of(stub, bundle_size=5).send(entries(5))
    assert [count for *_, count in stub.requests] == [5, 2]


def test_a_server_that_asks_for_a_pause_gets_it(stub):
    stub.faults.append(Fault(status=429, retry_after="1"))
    started = time.monotonic()
    client_of(stub).send(entries(1))
    assert time.monotonic() - started >= 1


NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("1e3", 0),
        ("١٢", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert retry_after(header, NOW) == seconds


def test_retry_after_is_counted_from_now():
    later = datetime.now(timezone.utc) + timedelta(seconds=100)
    assert 98 <= retry_after(later.strftime("%a, %d %b %Y %H:%M:%S GMT")) <= 100


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(status=503), "status 503"),
        (Fault(reset=True), "no connection"),
        (Fault(wait_s=0.6), "timeout"),
        (Fault(cut=True), "its answer breaks off"),
        (Fault(body=b"SECRET"), "its answer is no batch-response to what was sent"),
        (None, "status 503 for some resources"),
    ],
)
def test_after_all_tries_the_runner_has_to_try_again(stub, fault, reason):
    stub.faults.extend([fault] * 1000)
    stub.store.refuses = {"p1": 503}
    with pytest.raises(FhirUnavailableError) as caught:
        client_of(stub, timeout_s=0.2, retry_s=1).send(entries(2))
    text = str(caught.value)
    assert text.startswith(f"{stub.base} gives no proper answer ({reason}), tried ")
    assert text.endswith(" times: nothing is lost, try again when it does")
    assert "SECRET" not in text


def test_a_pause_longer_than_our_patience_is_not_waited_for(stub):
    stub.faults.append(Fault(status=503, retry_after="3600"))
    started = time.monotonic()
    with pytest.raises(FhirUnavailableError):
        client_of(stub, retry_s=5).send(entries(1))
    assert time.monotonic() - started < 2


def test_one_bundle_that_fails_ends_the_others(stub):
    stub.faults.extend([Fault(status=503)] * 1000)
    started = time.monotonic()
    with pytest.raises(FhirUnavailableError):
        client_of(stub, bundle_size=1, connections=2, retry_s=1).send(entries(100))
    assert time.monotonic() - started < 5, "each has waited for itself"


def test_an_unreachable_server_is_unavailable():
    base = f"http://127.0.0.1:{closed_port()}/fhir"
    with pytest.raises(FhirUnavailableError, match="no connection"):
        FhirClient(FhirServer(base=base, retry_s=0)).send(entries(1))


@pytest.mark.parametrize(
    ("fault", "auth", "sentence"),
    [
        (
            Fault(status=401),
            "none",
            "refuses us (401): say who you are with --fhir_auth",
        ),
        (
            Fault(status=401),
            "bearer",
            "refuses the token in the environment variable A_TOKEN: put a new one"
            " there",
        ),
        (
            Fault(status=403),
            "none",
            "refuses us (403): give the client rights to read and write Patient, Device"
            " and Observation there",
        ),
        (
            Fault(entries=403),
            "none",
            "refuses us (403): give the client rights to read and write Patient, Device"
            " and Observation there",
        ),
        (
            Fault(status=404),
            "none",
            "takes no Bundles (404): is it the base address of a FHIR server? If it is,"
            " --fhir_bundle_size=1 does without Bundles",
        ),
        (
            Fault(status=415),
            "none",
            "takes no Bundles (415): if it is a FHIR server, it may without"
            " --fhir_gzip",
        ),
        (
            Fault(status=302),
            "none",
            "sends us elsewhere (302): give --fhir the address it is found at",
        ),
        (
            Fault(entries=405),
            "none",
            "does not allow PUT of Patient (405): try --fhir_ids=server, or ask its"
            " administrator",
        ),
    ],
)
def test_what_no_later_try_mends_stops_at_once(
    stub, monkeypatch, fault, auth, sentence
):
    monkeypatch.setenv("A_TOKEN", "SECRET")
    kinds = {"bearer": Auth(kind="bearer", token_env="A_TOKEN")}  # noqa: S106 - a name
    stub.faults.extend([fault] * 5)
    with pytest.raises(FhirRefusedError) as caught:
        client_of(stub, auth=kinds.get(auth, Auth())).send(entries(2))
    assert str(caught.value) == f"{stub.base} {sentence}"
    assert len(stub.requests) <= 2


def test_a_token_that_has_expired_is_renewed_once(stub, tmp_path):
    file = tmp_path / "token"
    file.write_text("old\n")
    stub.token = "new"  # noqa: S105
    auth = Auth(kind="bearer", token_file=str(file))
    client = client_of(stub, auth=auth)
    with pytest.raises(FhirRefusedError):
        client.send(entries(1))
    file.write_text("new\n")
    found, _ = client.send(entries(1))
    assert found == created(1)


def test_a_bundle_refused_for_one_entry_is_taken_apart(stub):
    """HAPI answers 400 to a whole batch if one of its resources cannot be read."""
    stub.unreadable = {"p5"}
    found, _ = client_of(stub, bundle_size=16).send(entries(16))
    expected = created(16)
    expected[5] = Outcome(400, issues=outcome("processing"))
    assert found == expected
    bundles = [count for _, path, _, count in stub.requests if not path]
    assert bundles == [16, 8, 4, 4, 2, 1, 1, 2, 8]


@pytest.mark.parametrize("bundle_size", [1, 10])
def test_what_is_wrong_with_one_resource_is_its_answer(stub, bundle_size):
    stub.store.refuses = {"p1": 422, "p3": 404, "p4": 413}
    found, _ = client_of(stub, bundle_size=bundle_size).send(entries(5))
    refusal = Outcome(422, issues=outcome("invariant", "SECRET"))
    assert found == [
        CREATED._replace(id="p0"),
        refusal,
        CREATED._replace(id="p2"),
        refusal._replace(status=404),
        refusal._replace(status=413),
    ]


@pytest.mark.parametrize("bundle_size", [1, 10])
def test_reads_searches_and_conditions(stub, bundle_size):
    client = client_of(stub, bundle_size=bundle_size)
    ann = patient("a", identifier=[{"system": "urn:x", "value": "a|b, $c\\d"}])
    for resource in (ann, patient("c")):
        stub.store.put_by_hand(resource)
    known = {**ann, "meta": {"versionId": "1"}}
    token = "identifier=urn%3Ax%7Ca%5C%7Cb%5C%2C%20%5C%24c%5C%5Cd"  # noqa: S105
    body = orjson.dumps(ann)
    found, _ = client.send(
        [
            read("Patient", "a"),
            read("Patient", "b"),
            search("Patient", token),
            search("Patient", "identifier=nobody"),
            put("Patient", "a", body, if_match="7"),
            put("Patient", "c", orjson.dumps(patient("c", active=True)), if_match="1"),
            Entry("DELETE", "Patient/zzz"),
        ]
    )
    assert [one.status for one in found] == [200, 404, 200, 200, 409, 200, 204]
    assert found[0].resource == known
    assert found[2].resource["entry"] == [{"resource": known}]
    assert found[3].resource["entry"] == []
    logged = [path for _, path, _, _ in stub.requests]
    assert not any("identifier" in path for path in logged), "addresses are logged"


def test_numbers_that_are_read_keep_their_digits(stub):
    stub.store.put_by_hand(patient("a", weight=1))
    stub.faults.append(
        Fault(
            body=b'{"resourceType":"Bundle","entry":[{"resource":{"value":98.60},'
            b'"response":{"status":"200"}}]}'
        )
    )
    (found,), _ = client_of(stub).send([read("Patient", "a")], exact=True)
    assert str(found.resource["value"]) == "98.60"


def test_a_race_is_run_again_unless_a_condition_was_lost(stub):
    races = iter([409, 409])

    def other_writer(_method, _url):
        stub.store.refuses = {"p0": next(races, None)}

    stub.before_entry = other_writer
    found, traffic = client_of(stub).send(entries(1))
    assert found == created(1)
    assert traffic["FhirRetry"] == 2


def test_two_hits_of_a_conditional_update_are_an_answer(stub):
    for name in "ab":
        stub.store.put_by_hand(patient(name, identifier=[{"value": "x"}]))
    body = orjson.dumps({"resourceType": "Patient", "identifier": [{"value": "x"}]})
    found, traffic = client_of(stub).send([Entry("PUT", "Patient?identifier=x", body)])
    assert [one.status for one in found] == [412]
    assert traffic["FhirRequest"] == 1


def test_bundles_are_compressed_on_request(stub):
    client_of(stub, gzip=True).send(entries(2))
    client_of(stub).send(entries(2))
    sent = [headers.get("Content-Encoding") for _, _, headers, _ in stub.requests]
    assert sent == ["gzip", None]
    assert len(stub.store.everything("Patient")) == 2


def test_a_server_that_was_there_is_being_restarted(stub):
    """A gateway answers 404 for a server that is not up yet."""
    client = client_of(stub)
    client.send(entries(1))
    stub.faults.extend([Fault(status=404), Fault(status=404)])
    found, _ = client.send(entries(2))
    assert [one.done for one in found] == [True, True]


def test_a_drip_of_bytes_does_not_last_for_ever():
    listener = socket.create_server(("127.0.0.1", 0))

    def drip():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(100):
                time.sleep(0.05)
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    threading.Thread(target=drip, daemon=True).start()
    base = f"http://127.0.0.1:{listener.getsockname()[1]}/fhir"
    started = time.monotonic()
    with pytest.raises(FhirUnavailableError, match="timeout"):
        FhirClient(FhirServer(base=base, timeout_s=0.4, retry_s=0)).send(entries(1))
    assert time.monotonic() - started < 2
    listener.close()


def test_a_page_of_a_search_elsewhere_is_not_followed(stub):
    with pytest.raises(FhirRefusedError, match="sends us elsewhere"):
        client_of(stub).get("https://evil.example/fhir?page=2")
    with pytest.raises(FhirRefusedError, match="sends us elsewhere"):
        client_of(stub).get(f"{stub.base}evil?page=2")


def test_nothing_is_sent_for_nothing(stub):
    assert client_of(stub).send([]) == ([], {})
    assert stub.requests == []


def test_a_server_is_checked_before_a_run(stub):
    check_server(FhirServer(base=stub.base))
    stub.fhir_version = "5.0.0"
    with pytest.raises(UsageError) as caught:
        check_server(FhirServer(base=stub.base))
    assert str(caught.value) == (
        f"{stub.base} speaks FHIR 5.0.0: vitalbeam writes R4 (4.0.1)"
    )
    with pytest.raises(UsageError) as caught:
        check_server(FhirServer(base=f"{stub.base}/no/such"))
    assert str(caught.value).startswith(f"{stub.base}/no/such ")


def test_a_server_is_trusted_by_its_certificate_only(tmp_path, monkeypatch):
    """Of the authority that --fhir_ca names, whatever the environment says."""
    ca, *certificate = certificate_of(tmp_path)
    stub = FhirStub(certificate)
    try:
        found, _ = client_of(stub, ca=ca).send(entries(2))
        assert found == created(2)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none"))
        assert client_of(stub, ca=ca).send(entries(1))[0][0].done
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        with pytest.raises(FhirRefusedError) as caught:
            client_of(stub).send(entries(1))
        assert str(caught.value) == (
            f"{stub.base}: its certificate is not trusted (unable to get local issuer"
            " certificate): name the file of its authority's certificate with --fhir_ca"
        )
        with pytest.raises(FhirRefusedError) as caught:
            client_of(stub, ca=str(tmp_path / "none"))
        assert str(caught.value) == (
            f"--fhir_ca: {tmp_path}/none is no file of certificates where this runs"
        )
    finally:
        stub.close()
