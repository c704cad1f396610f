"""An authorization server and a FHIR server that asks for its tokens, on this machine.

OAuth 2.0 is Authlib's server side: clients with a secret, or with a signed assertion
that is checked for algorithm, key, audience, lifetime and replay. Beside it, what Azure
and Google have in its place. Faults and lifetimes are set from the test.
"""

import datetime
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections import Counter, deque

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError, scope_to_list
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask, Response, request
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from werkzeug.serving import make_server

SERVER_THREAD = "process_request_thread"
"""Part of the names of threads that answer."""

ALGORITHMS = ["RS384", "ES384"]


class Client(ClientMixin):
    """A registered client: with a secret, or with public keys."""

    def __init__(self, client_id, secret=None, keys=(), scope=""):
        self.client_id = client_id
        self.phrase = secret
        self.keys = KeySet(list(keys)) if keys else None
        self.scope = scope

    def get_client_id(self):
        return self.client_id

    def get_allowed_scope(self, scope):
        allowed = self.scope.split()
        return " ".join(one for one in scope_to_list(scope or "") if one in allowed)

    def check_client_secret(self, client_secret):
        return self.phrase is not None and self.phrase == client_secret

    def check_endpoint_auth_method(self, method, endpoint):
        by_key = method == JWTBearerClientAssertion.CLIENT_AUTH_METHOD
        return endpoint == "token" and by_key == (self.keys is not None)

    def check_grant_type(self, grant_type):
        return grant_type == "client_credentials"


class _Assertion(JWTBearerClientAssertion):
    """Assertions as SMART Backend Services want them."""

    def __init__(self, server):
        super().__init__(leeway=0)
        self._server = server
        self._used = set()

    def get_audiences(self):
        return [self._server.token_url]

    def resolve_client_public_key(self, client):
        if client.keys is None:
            raise InvalidClientError
        return client.keys

    def process_assertion_claims(self, assertion, resolve_key):
        header = jws.extract_compact(assertion.encode()).headers()
        if header["typ"] != "JWT" or (
            "kid" not in header and len(resolve_key.keys) > 1
        ):
            raise InvalidClientError
        try:
            claims = jwt.decode(assertion, resolve_key, algorithms=ALGORITHMS).claims
        except (JoseError, ValueError) as error:
            raise InvalidClientError from error
        self.verify_claims(claims)
        if claims["exp"] > time.time() + 300:
            raise InvalidClientError(description="it is good for too long")
        self._server.assertions.append((header, claims))
        return claims

    def validate_jti(self, claims, jti):
        new = (claims["sub"], jti) not in self._used
        self._used.add((claims["sub"], jti))
        return new


class _Grant(ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = (
        "client_secret_basic",
        JWTBearerClientAssertion.CLIENT_AUTH_METHOD,
    )


class TokenServer:
    """Runs while it is entered.

    Args:
        clients: who may ask.
        clock: seconds, for the ends of tokens.
        certificate: files of certificate and key, for TLS.
    """

    def __init__(self, *clients, clock=time.monotonic, certificate=None):
        self.clients = {client.client_id: client for client in clients}
        self.clock = clock
        self.lifetime = 300
        """Seconds of a token; None: it is not said."""
        self.tokens = {}
        """All tokens given, with their ends."""
        self.requests = Counter()
        """By path."""
        self.statuses = Counter()
        """Of the FHIR server."""
        self.assertions = []
        """Header and claims of those that were accepted."""
        self.forms = []
        """What was posted to the token endpoint."""
        self.queries = []
        """What Azure's endpoint was asked for."""
        self.faults = deque()
        """Called in place of answering, one a request; None: it answers after all."""
        self.repeats = False
        """Whether the last token is given again."""
        self.says = {}
        """Members of the smart-configuration that differ; None: it has none."""
        self.google_keys = None
        """Public keys of Google's service account."""
        tls = None
        if certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*certificate)
        self._http = make_server(
            "127.0.0.1", 0, self._app(), threaded=True, ssl_context=tls
        )
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._http.port}"
        self.base = f"{self.url}/fhir"
        self.token_url = f"{self.url}/token"

    def __enter__(self):
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def give(self, lifetime=None):
        """A new token."""
        if self.repeats:
            return list(self.tokens)[-1]
        token = f"secret-token-{len(self.tokens)}"
        lives = self.lifetime if lifetime is None else lifetime
        self.tokens[token] = self.clock() + (float("inf") if lives is None else lives)
        return token

    def revoke(self, token):
        self.tokens[token] = self.clock()

    def _app(self):
        app = Flask(__name__)
        oauth = AuthorizationServer(
            app, self.clients.get, lambda _token, _request: None
        )
        oauth.register_grant(_Grant)
        oauth.register_client_auth_method(
            _Assertion.CLIENT_AUTH_METHOD, _Assertion(self)
        )
        oauth.register_token_generator(
            "default",
            BearerTokenGenerator(
                lambda **_asked: self.give(),
                expires_generator=lambda _client, _grant: self.lifetime or 0,
            ),
        )
        app.before_request(self._count)
        app.post("/token")(lambda: self._token(oauth))
        app.get("/fhir/.well-known/smart-configuration")(self._smart_configuration)
        app.get("/fhir/Patient")(self._patient)
        app.get("/identity")(self._identity)
        app.get("/metadata/identity/oauth2/token")(self._machine_of_azure)
        app.post("/google")(self._google)
        app.get("/")(self._machine_of_google)
        app.get("/computeMetadata/v1/<path:what>")(self._machine_of_google)
        return app

    def _count(self):
        self.requests[request.path] += 1
        if request.path == "/fhir/Patient" or not self.faults:
            return None
        return self.faults.popleft()()

    def _token(self, oauth):
        self.forms.append(request.form.to_dict())
        return oauth.create_token_response()

    def _smart_configuration(self):
        if request.headers["Accept"] != "application/json":
            return Response(status=406)
        if "Authorization" in request.headers:
            return Response(status=401)
        return {
            "token_endpoint": self.token_url,
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
            "capabilities": ["client-confidential-asymmetric", "permission-v2"],
            **self.says,
        }

    def _patient(self):
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        status = 200 if self.clock() < self.tokens.get(token, 0) else 401
        self.statuses[status] += 1
        return {}, status

    def _identity(self):
        # https://learn.microsoft.com/azure/app-service/overview-managed-identity
        if request.headers.get("X-IDENTITY-HEADER") != "secret-header":
            return {"statusCode": 401}, 401
        self.queries.append(request.args.to_dict())
        return {
            "access_token": self.give(),
            "expires_on": str(int(time.time()) + self.lifetime),
            "resource": request.args["resource"],
            "token_type": "Bearer",
            "client_id": "id",
        }

    def _machine_of_azure(self):
        # https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
        if request.headers.get("Metadata") != "true":
            return {}, 400
        self.queries.append(request.args.to_dict())
        return {
            "access_token": self.give(),
            "expires_in": str(self.lifetime),
            "resource": request.args["resource"],
            "token_type": "Bearer",
        }

    def _machine_of_google(self, what=""):
        # https://cloud.google.com/compute/docs/access/authenticate-workloads
        said = {"email": "me@example.org", "scopes": []}
        if what.endswith("/token"):
            self.queries.append(request.args.to_dict())
            said = {"access_token": self.give(), "expires_in": self.lifetime}
        if what.endswith(("project-id", "universe-domain", "universe_domain")):
            said = "googleapis.com"
        if "service-accounts" in what and self.google_keys is None:
            return "secret-nobody", 404
        return Response(
            said if isinstance(said, str) else json.dumps(said),
            headers={"Metadata-Flavor": "Google"},
            content_type="text" if isinstance(said, str) else "application/json",
        )

    def _google(self):
        # https://developers.google.com/identity/protocols/oauth2/service-account
        self.forms.append(request.form.to_dict())
        claims = jwt.decode(request.form["assertion"], self.google_keys).claims
        self.queries.append({"scope": claims["scope"]})
        return {
            "access_token": self.give(),
            "expires_in": self.lifetime,
            "token_type": "Bearer",
        }


def answer(status, body="", **headers):
    """A fault: this instead of a token."""
    return lambda: Response(body, status, headers)


def hang_up():
    """A fault: the connection ends."""
    request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return Response()


def pem_of(key, password=None):
    """A private key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()
        if password is None
        else serialization.BestAvailableEncryption(password),
    )


def certificate_of(folder, address="127.0.0.1", ca="private CA"):
    """A CA of one's own and what it certifies: files of the CA, certificate and key."""
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    names = [_name(ca), _name("server")]
    files = [folder / name for name in ("ca.pem", "server.pem", "server.key")]
    for file, subject, public in zip(files, names, (authority, key), strict=False):
        now = datetime.datetime.now(datetime.timezone.utc)
        certificate = (
            x509.CertificateBuilder(names[0], subject, public.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(subject == names[0], None), True)
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.IPAddress(ipaddress.ip_address(address))]
                ),
                False,
            )
            .sign(authority, hashes.SHA256())
        )
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[2].write_bytes(pem_of(key))
    return [str(file) for file in files]


def _name(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
