"""An identity provider on loopback, as Entra: device code, authorization code, refresh, apps."""

from __future__ import annotations

import base64
import functools
import html
import json
import secrets
import ssl
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import (
    AccessDeniedError,
    ClientMixin,
    InvalidClientError,
    InvalidGrantError,
    OAuth2Error,
)
from authlib.oauth2.rfc6749.grants import (
    AuthorizationCodeGrant,
    ClientCredentialsGrant,
    RefreshTokenGrant,
)
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import (
    DEVICE_CODE_GRANT_TYPE,
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    DeviceCredentialDict,
)
from flask import Flask, Response, redirect, request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from pcnotebooks.clouds import Cloud

TENANT = "11111111-2222-4333-8444-555555555555"
DOMAIN = "contoso.onmicrosoft.com"
GUEST_TENANT = "bbbbbbbb-2222-4333-8444-555555555555"  # of another partner, for the same user
CLIENT_ID = "99999999-8888-4777-8666-555555555555"
APP_ID = "77777777-8888-4777-8666-555555555555"  # which signs in without a user
_APP_OBJECT = "cccccccc-bbbb-4ccc-8ddd-eeeeeeeeeeee"
# The issuer and subject that the app trusts in place of a secret, and for whom they sign.
FEDERATED = {
    "iss": "https://runner.example",
    "sub": "repo:contoso/billing",
    "aud": "api://AzureADTokenExchange",
}
USERNAME = "analyst@contoso.example"
_USER_ID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
_GUEST_ID = "bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee"
# By what an address may call a tenant, the id by which the discovery answers.
_TENANTS = {name: name for name in (TENANT, GUEST_TENANT, "organizations")} | {DOMAIN: TENANT}

# The error and text with which Entra sends each of its numbers.
REFUSALS: Mapping[int, tuple[str, str]] = {
    50020: ("invalid_grant", "User account does not exist in tenant 'Contoso'."),
    50076: ("invalid_grant", "You must use multi-factor authentication to access the resource."),
    50079: ("invalid_grant", "The user is required to use multi-factor authentication."),
    50105: ("invalid_grant", "The signed in user is not assigned to a role for the application."),
    50097: ("invalid_grant", "Device authentication is required."),
    50173: ("invalid_grant", "The provided grant has expired due to it being revoked."),
    50194: ("invalid_request", "Application is not configured as a multi-tenant application."),
    53000: ("invalid_grant", "Device is not in required device state: compliant."),
    53003: ("invalid_grant", "Access has been blocked by Conditional Access policies."),
    65001: ("invalid_grant", "The user or administrator has not consented to use the application."),
    65004: ("access_denied", "User declined to consent to access the app."),
    70000: ("invalid_grant", "The provided grant is not valid."),
    70016: ("authorization_pending", "Authorization is pending. Continue polling."),
    70019: ("expired_token", "Verification code expired."),
    70020: ("expired_token", "The provided device code has expired."),
    90002: ("invalid_tenant", "Tenant was not found."),
    90094: ("access_denied", "The grant requires administrator permission."),
    99999: ("invalid_grant", "A number that Entra may send one day."),
    500011: ("invalid_resource", "The resource principal was not found in the tenant 'Contoso'."),
    53009: ("invalid_grant", "Application needs to enforce Intune protection policies."),
    530031: ("invalid_grant", "Access policy does not allow token issuance."),
    530003: ("invalid_grant", "Your device is required to be managed to access this resource."),
    530033: ("invalid_grant", "Remote device flow blocked due to device based conditional access."),
    650052: ("unauthorized_client", "The app needs access to a service that is not enabled."),
    650057: ("invalid_resource", "The resource is not listed in the app registration."),
    700016: ("unauthorized_client", "Application was not found in the directory 'Contoso'."),
    700082: ("invalid_grant", "The refresh token has expired due to inactivity."),
    700027: ("invalid_client", "Client assertion failed signature validation."),
    7000215: ("invalid_client", "Invalid client secret provided."),
    7000222: ("invalid_client", "The provided client secret keys are expired."),
    7000112: ("unauthorized_client", "Application 'pcnotebooks' is disabled."),
    7000218: ("invalid_client", "The body must contain 'client_assertion' or 'client_secret'."),
}
# What Authlib refuses by itself, as Entra's number.
_NUMBERS = {
    "authorization_pending": 70016,
    "expired_token": 70020,
    "invalid_grant": 70000,
    "invalid_client": 700016,
}
# Where answers, delays and requests are told apart: an endpoint, or a grant at the token endpoint.
_PLACES = {
    DEVICE_CODE_GRANT_TYPE: "poll",
    "authorization_code": "redeem",
    "refresh_token": "refresh",
    "client_credentials": "app",
}
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Answer:
    """What to answer in place of the provider's own; `missing` bytes are cut off its end."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    missing: int = 0
    retry_after: int | None = None


def refusal(code: int | None = None, error: str | None = None) -> Answer:
    """Return Entra's refusal with an AADSTS number, or with an OAuth error alone."""
    known, text = REFUSALS[code] if code else ("", "")
    trace_id, correlation_id = str(uuid.uuid4()), str(uuid.uuid4())
    stamp = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}"
    number = f"AADSTS{code}: " if code else ""
    body = {
        "error": error or known,
        "error_description": f"{number}{text} Trace ID: {trace_id} "
        f"Correlation ID: {correlation_id} Timestamp: {stamp}",
        "error_codes": [code] if code else [],
        "timestamp": stamp,
        "trace_id": trace_id,
        "correlation_id": correlation_id,
    }
    return Answer(json.dumps(body).encode(), 401 if code == 7000218 else 400)


HTML_PAGE = Answer(b"<html><body>Sign in to the guest network</body></html>", 200, "text/html")
EMPTY = Answer(b"")
UNAVAILABLE = Answer(b"Service Unavailable", 503, "text/plain")


@functools.cache
def signing_key() -> RSAKey:
    """Return the key that signs every token of this process."""
    return RSAKey.generate_key(2048, {"kid": "tests", "use": "sig"})


class IdentityProvider:
    """The running provider; a context manager.

    Everything that changes how it answers is an attribute, and may be set while it runs.

    Parameters
    ----------
    tls
        Context of a server certificate for ``localhost``.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.interval = 1
        self.expires_in = 900
        self.token_lifetime = 3600
        self.one_time_refresh_tokens = False
        self.client_secret = ""
        self.certificate: RSAKey | None = None  # the public key of the app's certificate
        self.declined_as = "authorization_declined"
        self.clock_offset = 0.0
        self.answers: dict[str, Answer] = {}
        self.delays: dict[str, float] = {}

        self.requests: list[tuple[str, dict[str, str]]] = []
        self.headers: list[tuple[str, dict[str, str]]] = []
        self.answered: list[str] = []
        self.secrets: set[str] = set()
        self.device_codes: dict[str, DeviceCredentialDict] = {}
        self.decisions: dict[str, bool] = {}
        self.grants: dict[str, _Grant] = {}
        self.revoked: set[str] = set()

        self._news = threading.Condition()
        self._closing = threading.Event()
        self._server = _Server("localhost", 0, _app(self), _Handler)
        self._server.tls = tls
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://localhost:{self._server.server_port}"

    def cloud(self, api: str = "https://127.0.0.1:9") -> Cloud:
        """Return a cloud that signs in here."""
        return Cloud("stand-in", "Stand-in", self.url, api)

    def count(self, place: str) -> int:
        """Return how often a place was asked: devicecode, poll, redeem, refresh, discovery..."""
        return sum(asked == place for asked, _ in self.requests)

    def asked_for(self, place: str) -> None:
        """Wait until a place has been asked."""
        with self._news:
            assert self._news.wait_for(lambda: self.count(place), timeout=30), place

    def expire_device_codes(self) -> None:
        """Let every device code expire on this side."""
        for code in self.device_codes.values():
            code["expires_at"] = 0

    def revoke_refresh_tokens(self) -> None:
        """Revoke what was granted until now, as an administrator does."""
        self.revoked.update(self.grants)

    def now(self) -> float:
        """Return the time by this provider's clock."""
        return time.time() + self.clock_offset

    def note(self, place: str, form: dict[str, str]) -> None:
        """Remember a request."""
        with self._news:
            self.requests.append((place, form))
            self._news.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait, but not beyond the end of the provider."""
        self._closing.wait(seconds)

    def secret(self, value: str) -> str:
        """Remember a value that nobody may see."""
        self.secrets.add(value)
        return value

    def shown_in(self, text: str) -> set[str]:
        """Return which secrets stand in a text, whole or with their first half."""
        return {secret for secret in self.secrets if secret[: len(secret) // 2] in text}

    def sign(self, **claims: object) -> str:
        """Return a signed token with these claims and the usual ones."""
        now = int(self.now())
        usual = {
            "iss": f"{self.url}/{TENANT}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + self.token_lifetime,
            "tid": TENANT,
            "oid": _USER_ID,
            "sub": secrets.token_urlsafe(8),  # so that no two tokens are the same
            "ver": "2.0",
        }
        header = {"alg": "RS256", "kid": "tests"}
        return self.secret(jwt.encode(header, {**usual, **claims}, signing_key()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass(frozen=True)
class _Grant:
    """An authorization code or a refresh token: what was granted."""

    client_id: str
    scope: str
    redirect_uri: str = ""
    code_challenge: str | None = None
    code_challenge_method: str | None = None
    nonce: str | None = None

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def check_client(self, client: _PublicClient) -> bool:
        return client.client_id == self.client_id


@dataclass(frozen=True)
class _PublicClient(ClientMixin):
    client_id: str = CLIENT_ID

    def get_client_id(self) -> str:
        return self.client_id

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        # Entra accepts any port of a registered http://localhost.
        return urlsplit(redirect_uri).hostname == "localhost"

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in _PLACES


@dataclass(frozen=True)
class _App(_PublicClient):
    """A confidential client, which proves itself and acts for no user."""

    client_id: str = APP_ID
    secret: str = ""

    def check_client_secret(self, client_secret: str) -> bool:
        if client_secret != self.secret:
            raise InvalidClientError(description="7000215")
        return True

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in _AppAlone.TOKEN_ENDPOINT_AUTH_METHODS


class _Authorization(AuthorizationServer):
    """Authlib's server, which says yes and no as Entra does."""

    def __init__(self, app: Flask, provider: IdentityProvider) -> None:
        self.provider = provider
        super().__init__(
            app,
            query_client=self._registered,
            save_token=lambda token, _request: token,
        )
        self.register_token_generator("default", self._token)
        self.register_endpoint(_DeviceAuthorization)
        self.register_grant(_DeviceCode)
        self.register_grant(_AuthorizationCode, [CodeChallenge(required=True)])
        self.register_grant(_RefreshToken)
        self.register_grant(_AppAlone)
        self.register_client_auth_method("jwt_assertion", self._by_assertion)

    def _registered(self, client_id: str) -> _PublicClient | None:
        app = _App(secret=self.provider.client_secret)
        return {CLIENT_ID: _PublicClient(), APP_ID: app}.get(client_id)

    def _by_assertion(self, query_client: Any, asked: Any) -> _App | None:
        """Return the app that an assertion proves: signed by its certificate or by a runner."""
        form = asked.form
        if form.get("client_assertion_type") != _ASSERTION:
            return None
        rules = {"iss": APP_ID, "sub": APP_ID, "aud": asked.uri.partition("?")[0]}
        key, algorithms = self.provider.certificate, ["PS256"]
        if key is None:
            rules, key, algorithms = FEDERATED, signing_key(), ["RS256"]
        wanted = {name: {"essential": True, "value": value} for name, value in rules.items()}
        claims = jwt.JWTClaimsRegistry(leeway=5, **wanted, exp={"essential": True})
        headers = JWSRegistry(algorithms=algorithms)
        headers.max_header_length = 2**14  # msal puts the certificate into the header
        try:
            token = jwt.decode(form["client_assertion"], key, algorithms, headers)
            claims.validate(token.claims)
        except (JoseError, ValueError):
            raise InvalidClientError(description="700027") from None
        return query_client(form.get("client_id"))

    def _token(
        self,
        *,
        client: _PublicClient,
        scope: str,
        include_refresh_token: bool,
        user: str | _Grant | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        provider = self.provider
        if user is None:
            return self._app_token(scope)
        nonce = {"nonce": user.nonce} if isinstance(user, _Grant) and user.nonce else {}
        resource = [name for name in scope.split() if "://" in name]
        audience = resource[0].rsplit("/", 1)[0]
        # To each tenant a user is somebody else; what stays the same is the client_info.
        guest = (request.view_args or {}).get("tenant") == GUEST_TENANT
        who = {"tid": GUEST_TENANT, "oid": _GUEST_ID} if guest else {}
        token = {
            "token_type": "Bearer",
            "scope": " ".join(resource),
            "expires_in": provider.token_lifetime,
            "ext_expires_in": provider.token_lifetime,
            "access_token": provider.sign(
                aud=audience,
                appid=client.client_id,
                scp="user_impersonation",
                amr=["pwd", "mfa"],
                **who,
            ),
            "id_token": provider.sign(
                aud=client.client_id, preferred_username=USERNAME, name="An Analyst", **nonce, **who
            ),
            "client_info": _base64(json.dumps({"uid": _USER_ID, "utid": TENANT})),
        }
        if include_refresh_token:
            token["refresh_token"] = provider.secret(f"1.{secrets.token_urlsafe(48)}")
            provider.grants[token["refresh_token"]] = _Grant(client.client_id, scope)
        return token

    def _app_token(self, scope: str) -> dict[str, Any]:
        """Return a token of the app itself: no scp, no user, no refresh token."""
        audience, _, permission = scope.rpartition("/")
        if permission != ".default":
            raise OAuth2Error(error="invalid_scope")
        facts = {
            "appid": APP_ID,
            "oid": _APP_OBJECT,
            "sub": _APP_OBJECT,
            "jti": secrets.token_hex(),
        }
        return {
            "token_type": "Bearer",
            "expires_in": self.provider.token_lifetime,
            "ext_expires_in": self.provider.token_lifetime,
            "access_token": self.provider.sign(aud=audience, **facts),
        }

    def handle_error_response(self, request: object, error: OAuth2Error) -> Response:
        if error.redirect_uri:
            return _form_post(error.redirect_uri, dict(error.get_body()))
        number = error.description if str(error.description).isdecimal() else None
        code = int(number) if number else _NUMBERS.get(error.error)
        return _response(refusal(code) if code else refusal(error=error.error))


class _DeviceAuthorization(DeviceAuthorizationEndpoint):
    server: _Authorization

    def create_endpoint_response(self, request: object) -> tuple[int, dict[str, Any], Any]:
        status, data, headers = super().create_endpoint_response(request)
        # Entra names no complete address, and words its message around the other.
        data.pop("verification_uri_complete")
        data["message"] = (
            f"To sign in, use a web browser to open the page {data['verification_uri']}"
            f" and enter the code {data['user_code']} to authenticate."
        )
        provider = self.server.provider
        data |= {"interval": provider.interval, "expires_in": provider.expires_in}
        return status, data, headers

    def get_verification_uri(self) -> str:
        return f"{self.server.provider.url}/devicelogin"

    def save_device_credential(self, client_id: str, scope: str, data: dict[str, Any]) -> None:
        provider = self.server.provider
        # Later than stated: the client's clock comes first, but for expire_device_codes().
        credential = DeviceCredentialDict(
            client_id=client_id, scope=scope, user_code=data["user_code"], expires_at=2**40
        )
        provider.device_codes[provider.secret(data["device_code"])] = credential


class _DeviceCode(DeviceCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    server: _Authorization

    def query_device_credential(self, device_code: str) -> DeviceCredentialDict | None:
        return self.server.provider.device_codes.get(device_code)

    def query_user_grant(self, user_code: str) -> tuple[str, bool] | None:
        approved = self.server.provider.decisions.get(user_code)
        if approved is False:
            raise OAuth2Error(error=self.server.provider.declined_as)
        return None if approved is None else (USERNAME, True)

    def should_slow_down(self, credential: DeviceCredentialDict) -> bool:
        return False


class _AuthorizationCode(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    server: _Authorization

    def create_authorization_response(self, redirect_uri: str, grant_user: str | None) -> Any:
        if not grant_user:
            declined = f"AADSTS65004: {REFUSALS[65004][1]}"
            raise AccessDeniedError(declined, redirect_uri=redirect_uri)
        return super().create_authorization_response(redirect_uri, grant_user)

    def save_authorization_code(self, code: str, request: Any) -> None:
        provider, data = self.server.provider, request.payload.data
        provider.grants[provider.secret(code)] = _Grant(
            data["client_id"],
            data["scope"],
            data["redirect_uri"],
            data.get("code_challenge"),
            data.get("code_challenge_method"),
            data.get("nonce"),
        )

    def query_authorization_code(self, code: str, client: _PublicClient) -> _Grant | None:
        return self.server.provider.grants.pop(code, None)

    def delete_authorization_code(self, authorization_code: _Grant) -> None:
        """Do nothing: it was taken out when it was asked for."""

    def authenticate_user(self, authorization_code: _Grant) -> _Grant:
        return authorization_code  # there is one user; what differs is the nonce


class _RefreshToken(RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    INCLUDE_NEW_REFRESH_TOKEN = True
    server: _Authorization

    def authenticate_refresh_token(self, refresh_token: str) -> _Grant | None:
        provider = self.server.provider
        if refresh_token in provider.revoked:
            raise InvalidGrantError("50173")
        take = provider.grants.pop if provider.one_time_refresh_tokens else provider.grants.get
        return take(refresh_token, None)

    def authenticate_user(self, refresh_token: _Grant) -> str:
        return USERNAME

    def revoke_old_credential(self, refresh_token: _Grant) -> None:
        """Do nothing: a one-time token was taken out when it was used."""


class _AppAlone(ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("jwt_assertion", "client_secret_post")


def _app(provider: IdentityProvider) -> Flask:
    app = Flask(__name__)
    server = _Authorization(app, provider)

    @app.before_request
    def scripted() -> Response | None:
        place = _PLACES.get(request.form.get("grant_type", ""), request.endpoint or "")
        provider.headers.append((place, dict(request.headers)))
        provider.note(place, request.values.to_dict())
        provider.wait(provider.delays.get(place, 0))
        provider.answered.append(place)
        tenant = (request.view_args or {}).get("tenant", TENANT)
        if place not in provider.answers and tenant.lower() not in _TENANTS:
            return _response(refusal(90002))
        return _response(provider.answers[place]) if place in provider.answers else None

    @app.after_request
    def dated(response: Response) -> Response:
        response.headers["Date"] = formatdate(provider.now(), usegmt=True)
        return response

    _add_endpoints(app, provider, server)
    _add_pages(app, provider, server)
    return app


def _add_endpoints(app: Flask, provider: IdentityProvider, server: _Authorization) -> None:
    """Add what the client asks."""

    @app.get("/<tenant>/v2.0/.well-known/openid-configuration")
    def discovery(tenant: str) -> dict[str, Any]:
        known = _TENANTS.get(tenant.lower(), tenant)
        here = f"{provider.url}/{known}"
        return {
            "issuer": f"{provider.url}/{TENANT if known == 'organizations' else known}/v2.0",
            "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
            "token_endpoint": f"{here}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{here}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{here}/discovery/v2.0/keys",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    @app.get("/<tenant>/discovery/v2.0/keys")
    def keys(tenant: str) -> dict[str, Any]:
        return {"keys": [signing_key().as_dict(private=False)]}

    @app.post("/<tenant>/oauth2/v2.0/devicecode")
    def devicecode(tenant: str) -> Response:
        return server.create_endpoint_response("device_authorization")

    @app.post("/<tenant>/oauth2/v2.0/token")
    def token(tenant: str) -> Response:
        return server.create_token_response()


def _add_pages(app: Flask, provider: IdentityProvider, server: _Authorization) -> None:
    """Add what the user sees."""

    @app.route("/<tenant>/oauth2/v2.0/authorize", methods=["GET", "POST"])
    def authorize(tenant: str) -> Response | str:
        try:
            grant = server.get_consent_grant(end_user=USERNAME)
        except OAuth2Error as error:
            return server.handle_error_response(request, error)
        if request.method == "GET":
            return _page("Sign in", _form(request.path, {**request.args}, "approve", "decline"))
        user = USERNAME if "approve" in request.form else None
        answer = server.create_authorization_response(grant_user=user, grant=grant)
        if answer.status_code != 302:
            return answer
        parts = urlsplit(answer.headers["Location"])
        return _form_post(f"{parts.scheme}://{parts.netloc}", dict(parse_qsl(parts.query)))

    @app.route("/devicelogin", methods=["GET", "POST"])
    def devicelogin() -> Any:
        if request.method == "GET":
            box = '<label>Code <input name="user_code" autofocus></label>'
            return _page("Enter the code", _form("", {}, "approve", "decline", inside=box))
        user_code = request.form["user_code"]
        if not any(code.get_user_code() == user_code for code in provider.device_codes.values()):
            return _page("There is no such code", ""), 404
        provider.decisions[user_code] = "approve" in request.form
        return redirect("/done")

    @app.get("/done")
    def done() -> str:
        return _page("You may close this page", "")


class _Server(ThreadedWSGIServer):
    daemon_threads = True
    request_queue_size = 64
    tls: ssl.SSLContext

    def handle_error(self, request: Any, client_address: object) -> None:
        """Let a client that goes away, or trusts no certificate, go."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(WSGIRequestHandler):
    server: _Server

    def setup(self) -> None:
        # Here and not on accept: a client that is slow to greet holds up nobody else.
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def make_environ(self) -> dict[str, Any]:
        return {**super().make_environ(), "wsgi.url_scheme": "https"}

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  as in werkzeug
        """Keep silent."""


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status, content_type=answer.content_type)
    if answer.missing:
        response.headers["Content-Length"] = str(len(answer.body) + answer.missing)
    if answer.retry_after is not None:
        response.headers["Retry-After"] = str(answer.retry_after)
    return response


def _form_post(address: str, fields: Mapping[str, str]) -> Response:
    """Return the page by which Entra hands its answer to the client: a form that sends itself."""
    script = "<script>document.forms[0].submit()</script>"
    return Response(_page("Continue", _form(address, fields, "continue") + script))


def _form(action: str, fields: Mapping[str, str], *buttons: str, inside: str = "") -> str:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
        for name, value in fields.items()
    )
    pressed = "".join(f'<button name="{name}" value="1">{name}</button>' for name in buttons)
    return f'<form method="post" action="{html.escape(action)}">{hidden}{inside}{pressed}</form>'


def _page(title: str, body: str) -> str:
    return f"<!DOCTYPE html><html lang=en><title>{title}</title><main><h1>{title}</h1>{body}</main>"


def _base64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
