"""Tokens that must be refused, each wrong in one way, and the way to one that is not."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from local.issuer import CLIENT, DevelopmentIssuer
from trial.errors import Rejected, Unavailable
from trial.web.access import fetching, tokens
from trial.web.access.issuer import SCOPE, Issuer, challenge, check_address
from trial.web.access.person import Role

BACK = "http://127.0.0.1:9/sign-in/callback"
STRANGE = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def refused(issuer: Issuer, token: str, nonce: str | None = None) -> str:
    with pytest.raises(Rejected) as error:
        issuer.person(token, nonce)
    assert error.value.status == 401
    assert token not in f"{error.value.problem()}{error.value!r}" or not token
    return error.value.detail


def code_of(address: str, user: str) -> dict[str, str]:
    """Sign in as a browser would, and give what comes back with it."""
    answer = urllib3.request("GET", f"{address}&user={user}", redirect=False)
    assert answer.status == 303
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: value for name, (value,) in query.items()}


class TestPerson:
    def test_a_token_says_who_it_is_and_which_roles(
        self, issuer: Issuer, development: DevelopmentIssuer
    ) -> None:
        person = issuer.person(development.sign(development.claims("unblinded-reader")))
        assert person.principal == f"{development.address}#unblinded-reader"
        assert person.name == "unblinded-reader (development)"
        assert person.roles == {"*": {Role.READER, Role.UNBLINDED_READER}}

    def test_claims_that_say_nothing_give_no_role_and_are_counted(
        self, issuer: Issuer, development: DevelopmentIssuer
    ) -> None:
        claims = development.claims("reader") | {"roles": ["boss", "ST-1:reader", "ST-1:boss"]}
        person = issuer.person(development.sign(claims))
        assert (person.roles, person.ignored) == ({"ST-1": {Role.READER}}, 2)

    @pytest.mark.parametrize(
        ("claims", "name"),
        [
            ({"name": None, "email": "r@example.org"}, "r@example.org"),
            ({"name": "", "cognito:username": "r"}, "r"),
            ({"name": ["R"]}, "reader"),
            ({"name": "A\n\tB\x00"}, "A  B"),
            ({"name": "x" * 300}, "x" * 200),
        ],
    )
    def test_a_name_is_one_line_of_what_there_is(
        self, issuer: Issuer, development: DevelopmentIssuer, claims: dict[str, Any], name: str
    ) -> None:
        token = development.sign(development.claims("reader") | claims)
        assert issuer.person(token).name == name

    def test_people_are_told_apart_by_the_claim_that_was_chosen(
        self, issuer: Issuer, development: DevelopmentIssuer
    ) -> None:
        issuer.client = replace(issuer.client, principal_claim="oid")
        token = development.sign(development.claims("reader") | {"oid": "17"})
        assert issuer.person(token).principal == f"{development.address}#17"
        without_claim = development.sign(development.claims("reader"))
        assert refused(issuer, without_claim) == "The token does not say whose it is."


class FromNow(int):
    """Seconds from now, whenever the test runs."""


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "expired": {"exp": FromNow(-60), "iat": FromNow(-120)},
    "not yet valid": {"nbf": FromNow(3_000)},
    "issued in the future": {"iat": FromNow(3_000)},
    "older than a session": {"iat": FromNow(-3_700), "exp": FromNow(3_700)},
    "of another audience": {"aud": "another"},
    "of no audience": {"aud": None},
    "of several, for another": {"aud": [CLIENT, "another"]},
    "authorised for another": {"azp": "another"},
    "of another issuer": {"iss": "https://issuer.example"},
    "without an issuer": {"iss": None},
    "without an end": {"exp": None},
    "without a start": {"iat": None},
    "without a subject": {"sub": None},
    "with a subject that is no text": {"sub": 7},
    "an access token": {"token_use": "access"},
}


@pytest.mark.parametrize("name", BAD_CLAIMS)
def test_a_token_with_wrong_claims_is_refused(
    issuer: Issuer, development: DevelopmentIssuer, name: str
) -> None:
    changed = development.claims("reader") | BAD_CLAIMS[name]
    claims = {
        key: int(time.time()) + value if isinstance(value, FromNow) else value
        for key, value in changed.items()
        if value is not None
    }
    # Signed as what it is: PyJWT itself would not make all of them.
    token = jwt.api_jws.PyJWS().encode(
        json.dumps(claims).encode(), development.key, "RS256", {"kid": development.key_id}
    )
    refused(issuer, token)


def test_of_several_audiences_the_one_that_it_is_for_may_use_it(
    issuer: Issuer, development: DevelopmentIssuer
) -> None:
    claims = development.claims("reader") | {"aud": [CLIENT, "another"], "azp": CLIENT}
    assert issuer.person(development.sign(claims)).roles


def plain(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def pem(development: DevelopmentIssuer) -> bytes:
    public = development.key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def forged_by(development: DevelopmentIssuer, header: dict[str, Any]) -> str:
    """Sign by HMAC with what everybody knows, the public key."""
    head = {"typ": "JWT", "kid": development.key_id} | header
    text = f"{plain(head)}.{plain(development.claims('reader'))}"
    key = pem(development)
    digest = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        text.encode(), key
    )
    return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


FORGED: dict[str, Callable[[DevelopmentIssuer], str]] = {
    "nothing": lambda _: "",
    "no token": lambda _: "a.b.c",
    "a text": lambda _: "no token at all",
    "another key under the same name": lambda issuer: jwt.encode(
        issuer.claims("reader"), STRANGE, "RS256", headers={"kid": issuer.key_id}
    ),
    "another key under its own name": lambda issuer: jwt.encode(
        issuer.claims("reader"), STRANGE, "RS256", headers={"kid": "mine"}
    ),
    "another key, sent along": lambda issuer: jwt.encode(
        issuer.claims("reader"),
        STRANGE,
        "RS256",
        headers={"jwk": RSAAlgorithm.to_jwk(STRANGE.public_key(), as_dict=True)},
    ),
    "no signature": lambda issuer: (
        f"{plain({'alg': 'none', 'kid': issuer.key_id})}.{plain(issuer.claims('reader'))}."
    ),
    "none, spelt otherwise": lambda issuer: (
        f"{plain({'alg': 'nOnE', 'kid': issuer.key_id})}.{plain(issuer.claims('reader'))}."
    ),
    "the public key as a secret": lambda issuer: forged_by(issuer, {"alg": "HS256"}),
    "the public key as a secret, said to be RSA": lambda issuer: forged_by(
        issuer, {"alg": "RS256"}
    ),
    "an algorithm that is not on the list": lambda issuer: jwt.encode(
        issuer.claims("reader"), issuer.key, "RS512", headers={"kid": issuer.key_id}
    ),
    "an algorithm of another kind of key": lambda issuer: jwt.encode(
        issuer.claims("reader"),
        ec.generate_private_key(ec.SECP256R1()),
        "ES256",
        headers={"kid": issuer.key_id},
    ),
    "no ID token by its type": lambda issuer: jwt.encode(
        issuer.claims("reader"),
        issuer.key,
        "RS256",
        headers={"kid": issuer.key_id, "typ": "at+jwt"},
    ),
    "claims of somebody else": lambda issuer: ".".join(
        (
            *issuer.sign(issuer.claims("reader")).split(".")[:1],
            plain(issuer.claims("administrator")),
            issuer.sign(issuer.claims("reader")).split(".")[2],
        )
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused(
    issuer: Issuer, development: DevelopmentIssuer, name: str
) -> None:
    refused(issuer, FORGED[name](development))


class TestKeys:
    def test_a_key_of_the_curve_is_good_too_and_what_is_not_understood_is_left_out(self) -> None:
        private = ec.generate_private_key(ec.SECP256R1())
        public = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
        secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "s"}
        keys = tokens.read_keys({
            "keys": [public | {"kid": "e"}, secret, {"kty": "new"}, "x", None, {}, public
                     | {"kid": "for secrecy", "use": "enc"}]
        })  # fmt: skip
        assert keys.keys() == {"e"}
        moment = int(time.time())
        claims = {"iss": "i", "aud": "c", "sub": "s", "iat": moment, "exp": moment + 60}
        token = jwt.encode(claims, private, "ES256", headers={"kid": "e"})
        assert tokens.verified_claims(token, keys["e"], "i", "c") == claims

    @pytest.mark.parametrize("document", [None, [], {}, {"keys": None}, {"keys": [{"kty": "oct"}]}])
    def test_no_key_no_service(self, document: object) -> None:
        with pytest.raises(Unavailable):
            tokens.read_keys(document)

    def test_a_new_key_is_looked_for_at_most_once_a_minute(
        self, development: DevelopmentIssuer, issuer: Issuer
    ) -> None:
        moment, paths_asked = datetime.now(UTC), list[str]()

        def fetch(url: str, form: Any = None) -> tuple[int, Any]:
            paths_asked.append(urlsplit(url).path)
            return fetching.fetch(url, form)

        issuer = Issuer(issuer.client, fetch, lambda: moment)
        old = development.sign(development.claims("reader"))
        for _ in range(3):
            assert issuer.person(old)
        assert paths_asked == ["/.well-known/openid-configuration", "/keys"]
        development.renew_key()
        new = development.sign(development.claims("reader"))
        refused(issuer, new)
        assert issuer.person(old)  # until the keys are read again
        moment += timedelta(seconds=61)
        assert issuer.person(new)
        refused(issuer, old)
        refused(issuer, FORGED["another key under its own name"](development))
        assert paths_asked.count("/keys") == 2
        moment += timedelta(minutes=59)
        issuer.client = replace(issuer.client, session=timedelta(hours=9))
        assert issuer.person(new)
        assert paths_asked.count("/keys") == 2
        moment += timedelta(minutes=2)
        assert issuer.person(new)
        assert paths_asked.count("/keys") == 3


class TestSigningIn:
    def test_a_code_gives_a_token_once_to_who_asked_for_it(self, issuer: Issuer) -> None:
        address = issuer.sign_in_address(BACK, "a-state", "a-nonce", "a-verifier")
        query = parse_qs(urlsplit(address).query)
        assert query["scope"] == [SCOPE]
        assert query["code_challenge"] == [challenge("a-verifier")]
        assert "a-verifier" not in address
        back = code_of(address, "reader")
        assert back["state"] == "a-state"
        token = issuer.exchange(back["code"], "a-verifier", BACK)
        assert issuer.person(token, "a-nonce").name == "reader (development)"
        assert 3_590 <= issuer.seconds_left(token) <= 3_600
        refused(issuer, token, "another-nonce")
        with pytest.raises(Rejected):
            issuer.exchange(back["code"], "a-verifier", BACK)

    @pytest.mark.parametrize(
        ("verifier", "back"), [("another", BACK), ("a-verifier", f"{BACK}/else"), ("", BACK)]
    )
    def test_a_code_of_another_browser_gives_nothing(
        self, issuer: Issuer, verifier: str, back: str
    ) -> None:
        code = code_of(issuer.sign_in_address(BACK, "s", "n", "a-verifier"), "reader")["code"]
        with pytest.raises(Rejected) as error:
            issuer.exchange(code, verifier, back)
        assert error.value.status == 401
        assert code not in str(error.value.problem())

    def test_a_token_without_a_nonce_ends_no_sign_in(
        self, issuer: Issuer, development: DevelopmentIssuer
    ) -> None:
        refused(issuer, development.sign(development.claims("reader")), "a-nonce")

    def test_a_session_is_no_longer_than_its_token_or_than_is_set(
        self, issuer: Issuer, development: DevelopmentIssuer
    ) -> None:
        issuer.client = replace(issuer.client, session=timedelta(minutes=15))
        token = development.sign(development.claims("reader"))
        assert 890 <= issuer.seconds_left(token) <= 900
        short = development.claims("reader") | {"exp": int(time.time()) + 300}
        assert 290 <= issuer.seconds_left(development.sign(short)) <= 300


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        ["http://issuer.example", "http://127.0.0.1.example", "ftp://127.0.0.1", "//issuer", "",
         None, "https:///x", "file:///etc/passwd", "https://issuer.example/#x",
         "http://10.0.0.1", 7],
    )  # fmt: skip
    def test_only_https_leads_to_an_issuer(self, address: object) -> None:
        for local in (True, False):
            with pytest.raises(Unavailable):
                check_address(address, local=local)

    @pytest.mark.parametrize("address", ["http://127.0.0.1:8000", "http://localhost:8000"])
    def test_one_beside_is_taken_by_a_local_stack_alone(self, address: str) -> None:
        check_address(address, local=True)
        with pytest.raises(Unavailable):
            check_address(address, local=False)

    def test_the_development_issuer_is_refused_on_aws(self, issuer: Issuer) -> None:
        issuer.client = replace(issuer.client, local=False)
        with pytest.raises(Unavailable):
            issuer.sign_in_address(BACK, "s", "n", "v")

    @pytest.mark.parametrize(
        "changes",
        [{"issuer": "https://another.example"}, {"token_endpoint": "http://another.example/token"},
         {"jwks_uri": None}, {"authorization_endpoint": "javascript:alert(1)"},
         {"end_session_endpoint": "http://another.example"}],
    )  # fmt: skip
    def test_a_discovery_document_must_be_of_this_issuer_and_safe(
        self, issuer: Issuer, development: DevelopmentIssuer, changes: dict[str, Any]
    ) -> None:
        document = development.discovery | changes
        issuer = Issuer(issuer.client, lambda *_: (200, document), lambda: datetime.now(UTC))
        with pytest.raises(Unavailable):
            issuer.sign_in_address(BACK, "s", "n", "v")

    def test_where_one_signs_out_may_be_missing(
        self, issuer: Issuer, development: DevelopmentIssuer
    ) -> None:
        assert issuer.sign_out_address(BACK).startswith(f"{development.address}/sign-out?")
        document = {
            name: value
            for name, value in development.discovery.items()
            if name != "end_session_endpoint"
        }
        issuer = Issuer(issuer.client, lambda *_: (200, document), lambda: datetime.now(UTC))
        assert issuer.sign_out_address(BACK) == ""


class TestFetching:
    def test_an_issuer_that_is_not_there_is_unavailable(self) -> None:
        with pytest.raises(Unavailable):
            fetching.fetch("http://127.0.0.1:9/keys")

    def test_what_is_no_json_is_nothing(self, development: DevelopmentIssuer) -> None:
        assert fetching.fetch(f"{development.address}/nowhere") == (404, None)

    def test_an_answer_that_is_too_long_is_not_read(
        self, development: DevelopmentIssuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fetching, "MOST_BYTES", 100)
        with pytest.raises(Unavailable):
            fetching.fetch(f"{development.address}/keys")


def test_every_page_of_the_development_issuer_says_what_it_is(
    development: DevelopmentIssuer, issuer: Issuer
) -> None:
    address = issuer.sign_in_address(BACK, "s", "n", "v")
    for page in (address, f"{development.address}/authorize", f"{development.address}/sign-out",
                 f"{development.address}/x"):  # fmt: skip
        assert b"Development issuer" in urllib3.request("GET", page).data
    links = urllib3.request("GET", address).data.decode()
    assert all(f">{role}</a>" in links for role in Role)


def test_the_development_issuer_sends_nobody_elsewhere(
    development: DevelopmentIssuer, issuer: Issuer
) -> None:
    elsewhere = issuer.sign_in_address("https://example.org/", "s", "n", "v")
    assert urllib3.request("GET", f"{elsewhere}&user=reader", redirect=False).status == 400
