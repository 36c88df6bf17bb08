import pytest

from trial.web.access import cookies
from trial.web.access.cookies import SignIn

LOCAL = ["/", "/studies/ST-1", "/studies/ST-1/tables/t?row=a%2Fb&x=1", "/unblinded/studies/ST-1"]
ELSEWHERE = [
    "", "//example.org", "/\\example.org", "\\\\example.org", "https://example.org", "/ /x",
    "javascript:alert(1)", "/\t/example.org", "/\n/x", "/x\r\nSet-Cookie: a=b", "x", "/é",
    "/sign-in", "/sign-out", "/sign-in/callback?code=1", "/signed-out", "/" + "x" * 2_000,
]  # fmt: skip


@pytest.mark.parametrize("path", LOCAL)
def test_a_sign_in_leads_back_to_where_it_began(path: str) -> None:
    sign_in = cookies.begin(path)
    assert sign_in.to == path
    assert cookies.read_sign_in(sign_in.text()) == sign_in
    assert len(sign_in.text()) < cookies.LONGEST_COOKIE


@pytest.mark.parametrize("path", ELSEWHERE)
def test_and_nowhere_else(path: str) -> None:
    assert cookies.begin(path).to == "/"
    cookie = SignIn("s", "n", "v", path).text()  # as who may write cookies would set it
    reread = cookies.read_sign_in(cookie)
    assert reread is not None
    assert reread.to == "/"


@pytest.mark.parametrize("text", ["", ".", "...", "a.b.c", "a.b.c.d.e", ".b.c.Lw", "a.b.c.é"])
def test_what_is_no_sign_in_is_none(text: str) -> None:
    assert cookies.read_sign_in(text) is None


def test_no_two_sign_ins_are_alike() -> None:
    sign_ins = [cookies.begin("/") for _ in range(50)]
    values = {value for item in sign_ins for value in (item.state, item.nonce, item.verifier)}
    assert len(values) == 150
    assert all(43 <= len(value) <= 128 for value in values)  # as PKCE wants a verifier


def test_cookies_are_kept_from_scripts_and_from_other_hosts() -> None:
    header = cookies.write(cookies.SESSION, "value", 60)
    assert header == ("__Host-session=value; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax")
    assert "Domain" not in header
    assert "Max-Age=0" in cookies.clear(cookies.SIGN_IN)


def test_cookies_are_read_whether_joined_or_not() -> None:
    assert cookies.read(["a=1; b=2", "c=3=4"]) == {"a": "1", "b": "2", "c": "3=4"}


def test_a_name_with_two_values_has_none() -> None:
    assert cookies.read(["a=1", "a=2", "b=3", "b=3"]) == {"b": "3"}


def test_a_forms_token_is_of_its_session_and_does_not_tell_it() -> None:
    token = cookies.form_token("session")
    assert token == cookies.form_token("session") != cookies.form_token("sessioN")
    assert "session" not in token
    assert cookies.same(token, token)
    assert not cookies.same("", token)
    assert not cookies.same("é", token)
