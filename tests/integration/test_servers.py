"""The servers of the integration tests are real, and leave nothing behind."""

import os
import subprocess

import pytest
from servers import is_built, java_command, require_java

PATIENT = {"resourceType": "Patient", "id": "p"}
OBSERVATION = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "code": {"text": "hr"},
    "subject": {"reference": "Patient/p"},
}


@pytest.mark.parametrize(
    ("on_ci", "outcome"),
    [("", pytest.skip.Exception), ("true", pytest.fail.Exception)],
)
def test_without_java_a_test_is_skipped_and_on_ci_it_fails(
    on_ci, outcome, tmp_path, monkeypatch
):
    monkeypatch.setenv("CI", on_ci)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(outcome, match="there is no java and no mvn here"):
        require_java()


def test_with_java_and_maven_nothing_is_skipped(tmp_path, monkeypatch):
    for tool in ("java", "mvn"):
        (tmp_path / tool).touch(mode=0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    require_java()


def test_a_project_is_built_again_when_a_source_is_newer(tmp_path):
    source, app = tmp_path / "src" / "Main.java", tmp_path / "app.jar"
    source.parent.mkdir()
    for path in (tmp_path / "pom.xml", source):
        path.touch()
    assert not is_built(tmp_path, app)
    app.touch()
    assert is_built(tmp_path, app)
    later = app.stat().st_mtime + 1
    os.utime(source, (later, later))
    assert not is_built(tmp_path, app)


def test_a_server_ends_with_its_standard_input(java):
    command = java_command("server", "FhirServer", properties=[("port", 0)])
    done = subprocess.run(
        command, input=b"", capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"")


def test_a_server_that_cannot_start_says_why(start_hapi):
    with pytest.raises(RuntimeError, match="SOMEHOW"):
        start_hapi(clientIds="SOMEHOW")


def test_what_is_written_is_found_at_once_and_wiped(hapi):
    hapi.wipe()
    assert [hapi.put(one).status_code for one in (PATIENT, OBSERVATION)] == [201, 201]
    assert hapi.get("Observation/o").json()["meta"]["versionId"] == "1"
    assert hapi.everything("Observation") == {"o": OBSERVATION}
    (found,) = hapi.search("Observation", subject="Patient/p")
    assert found["id"] == "o"

    hapi.wipe()
    assert hapi.everything("Observation") == hapi.everything("Patient") == {}
    # Nothing is remembered: not that it was deleted (410), not its version.
    assert hapi.get("Observation/o").status_code == 404
    assert hapi.put(PATIENT).status_code == 201
    assert hapi.get("Patient/p").json()["meta"]["versionId"] == "1"


def test_a_search_is_followed_to_its_last_page(hapi):
    hapi.wipe()
    ids = {f"p{number}" for number in range(7)}
    for one in ids:
        hapi.put({**PATIENT, "id": one})
    assert {found["id"] for found in hapi.search("Patient", _count=3)} == ids


def test_what_a_reference_names_must_exist(hapi):
    hapi.wipe()
    assert hapi.put(OBSERVATION).status_code == 400
    assert hapi.everything("Observation") == {}


def test_a_killed_server_comes_back_with_all_that_it_acknowledged(start_hapi, tmp_path):
    """It is also one that refuses ids of clients: to start another would take long."""
    database = f"jdbc:h2:file:{tmp_path / 'fhir'};WRITE_DELAY=0"
    server = start_hapi(db=database, clientIds="NOT_ALLOWED")
    refused = server.put(PATIENT)
    made = server.post("Patient", PATIENT)
    base, pid = server.base, server.pid

    server.kill()
    server.restart()
    assert (server.base, server.pid == pid) == (base, False)
    assert (refused.status_code, made.status_code) == (404, 201)
    given = made.json()["id"]
    assert server.everything("Patient") == {given: {**PATIENT, "id": given}}
