"""A run into a real FHIR server that wants tokens, which live for two seconds.

The tokens come from a real token endpoint; a proxy before the server looks at them. As
servers do, it forgives a late arrival: here, with the machine busy, one of two seconds.
"""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fault_proxy import FaultProxy
from joserfc.jwk import ECKey
from runs import FLEET, run
from token_server import Client, TokenServer, pem_of

from benchmarks.fleet import generate

LEEWAY_S = 2

SCOPE = (
    "system/Patient.cruds system/Device.cruds system/Observation.cruds"
    " system/Encounter.rs"
)


@pytest.fixture
def flags(tmp_path, monkeypatch):
    """What to say of each kind of client, whose keys the token endpoint knows."""
    key = ec.generate_private_key(ec.SECP384R1())
    (tmp_path / "key.pem").write_bytes(pem_of(key))
    monkeypatch.setenv("CLIENT_SECRET", "the-secret")
    public = ECKey.import_key(key.public_key(), {"kid": "ours"})
    clients = [
        Client("by-secret", "the-secret", scope="system/*.*"),
        Client("by-key", keys=[public], scope=SCOPE),
    ]
    said = {
        "oauth2": [
            "--fhir_client_id=by-secret",
            "--fhir_client_secret_env=CLIENT_SECRET",
        ],
        "smart": [
            "--fhir_client_id=by-key",
            f"--fhir_private_key={tmp_path}/key.pem",
            "--fhir_key_id=ours",
        ],
    }
    return clients, said


@pytest.mark.parametrize("kind", ["oauth2", "smart"])
def test_a_run_outlives_its_tokens(hapi, flags, tmp_path, kind):
    hapi.wipe()
    messages = tmp_path / "messages.ndjson"
    messages.write_bytes(b"".join(generate(3_000, seed=17)))
    clients, said = flags
    with TokenServer(*clients) as tokens:
        tokens.lifetime = 2

        def admits(token):
            return tokens.clock() < tokens.tokens.get(token, 0) + LEEWAY_S

        proxy = FaultProxy(hapi.base, admits=admits)
        arguments = [
            f"--fhir={proxy.base}",
            f"--fhir_auth={kind}",
            f"--fhir_token_url={tokens.token_url}",
            *said[kind],
        ]
        assert run(messages, tmp_path / "out", *arguments, mapping=FLEET) == 1
        proxy.close()
    assert len(tokens.tokens) > 2, "the run was over before a token was"
    assert proxy.counts["401"] == 0, "a token was used after its end"
    count = hapi.get("Observation", _summary="count").json()["total"]
    run(messages, tmp_path / "files", mapping=FLEET)
    lines = (tmp_path / "files" / "fhir" / "Observation").rglob("*.ndjson")
    assert count == sum(len(path.read_bytes().splitlines()) for path in lines)
