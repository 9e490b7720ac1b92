# SPDX-License-Identifier: Apache-2.0
"""oidc against a real identity provider (npm's oidc-provider): logins with a small client and with Chromium, sessions
that are refreshed, sealed anew, or over, and an issuer that is down."""

from __future__ import annotations

import contextlib
import json
import re
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatehouse import Gateway, run_command
from node_peers import NodeServer
from issuer import Issuer
from peers import free_port
from simple import get
from test_browser import HOST, Browser, browser, certificate  # noqa: F401, pylint: disable=unused-import
from upstream import Upstream
from wire import DEADLINE, Request, wait_until

StartUpstream = Callable[..., Upstream]
StartGateway = Callable[..., Gateway]
StartNode = Callable[..., NodeServer]

SECRET = "a secret of a test, of 32 bytes!"
OTHER = "another secret, of 32 bytes too!"


def page(request: Request) -> bytes:
    """Says who it is for."""
    body = f"<title>{request.get('x-user')}</title>{request.target}".encode()
    return (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nCache-Control: no-store\r\nContent-Length: %d\r\n\r\n%s"
            % (len(body), body))


class Desk:
    """A provider, a service, and a gateway between a browser and both."""

    def __init__(self, node_server: StartNode, upstream: StartUpstream, gateway: StartGateway, *, scheme: str = "http",
                 host: str = "localhost", tls: dict[str, Any] | None = None, workers: int = 2,
                 **provider: Any):
        port = free_port()
        self.base = f"{scheme}://{host}:{port}"
        self.provider = node_server("oidc_provider.js", clients=[{
            "client_id": "shop", "client_secret": "s+cret/of:the shop",
            "redirect_uris": [f"{self.base}/shop/oidc/callback"],
            "post_logout_redirect_uris": [f"{self.base}/shop/"],
            "grant_types": ["authorization_code", "refresh_token"]}], **provider)
        self.service = upstream(page)
        self.listener: dict[str, Any] = {"address": f"127.0.0.1:{port}", **({"tls": tls} if tls else {})}
        self.gateway = gateway(self.config([SECRET]), workers=workers)

    def config(self, secrets: list[str], **more: Any) -> dict[str, Any]:
        """One API that people log in for."""
        policy = {"issuer": self.provider.events("listening")[0]["issuer"], "client_id": "shop",
                  "client_secret": "s+cret/of:the shop", "scopes": ["openid", "email"],
                  "cookie": {"name": "gw", "secret": secrets}, "forward": {"X-User": "sub"}, **more}
        return {"listeners": {"main": self.listener},
                "upstreams": {"app": {"endpoints": [self.service.address]}},
                "apis": {"shop": {"path": "/shop", "upstream": "app", "policies": [{"oidc": policy}]}}}

    def tokens(self) -> int:
        """How often the provider was asked for some."""
        return sum(told["path"] == "/token" for told in self.provider.events("request"))


def client() -> httpx.Client:
    """With the cookies of a browser, and no mind of its own."""
    return httpx.Client(timeout=DEADLINE, trust_env=False, headers={"Accept": "text/html"})


def at_provider(browser_: httpx.Client, url: str, user: str) -> str:
    """Logs in there, and gives the URL that it sends back to."""
    answer = browser_.get(url, follow_redirects=True)
    action = re.search(r'action="([^"]+)"', answer.text)
    assert answer.status_code == 200 and action, answer.text
    answer = browser_.post(urllib.parse.urljoin(str(answer.url), action[1]),
                           data={"prompt": "login", "login": user, "password": "any"})
    for _ in range(5):
        to = urllib.parse.urljoin(str(answer.url), answer.headers["location"])
        if "/oidc/callback" in to:
            return to
        answer = browser_.get(to)
    raise AssertionError(answer.text)


def log_in(desk: Desk, user: str = "alice") -> httpx.Client:
    """A browser with a session."""
    started = client()
    answer = started.get(f"{desk.base}/shop/cart?item=7")
    assert answer.status_code == 302, (answer.text, desk.gateway.errors)
    answer = started.get(at_provider(started, answer.headers["location"], user))
    assert (answer.status_code, answer.headers["location"]) == (302, "/shop/cart?item=7"), answer.text
    return started


def reasons(desk: Desk, count: int) -> list[str]:
    """Of all requests, which are so many."""
    return [entry.get("reason", "") for entry in desk.gateway.wait_for_log(count)]


def test_a_login(node_server: StartNode, upstream: StartUpstream, gateway: StartGateway) -> None:
    desk = Desk(node_server, upstream, gateway)
    with contextlib.closing(log_in(desk)) as started:
        started.cookies.set("theme", "dark", "localhost.local", "/")
        answer = started.get(f"{desk.base}/shop/cart?item=7", headers={"X-User": "mallory"})
        assert (answer.status_code, answer.text) == (200, "<title>alice</title>/shop/cart?item=7")
        request = desk.service.requests[-1]
        assert (request.all("x-user"), request.get("authorization")) == (["alice"], None)
        assert request.all("cookie") == ["theme=dark"], "but not the session"
        # What the browser keeps tells it nothing, and can be used where it came from only.
        session = next(cookie for cookie in started.cookies.jar if cookie.name == "gw")
        assert session.path == "/shop" and session.has_nonstandard_attr("HttpOnly")
        assert "alice" not in str(session.value)
        # The way back is good once, and its cookie is gone.
        assert not [cookie.name for cookie in started.cookies.jar if cookie.name.startswith("gw-login")]
        # Out again, here and there.
        answer = started.get(f"{desk.base}/shop/logout")
        assert answer.status_code == 303
        assert answer.headers["location"].startswith(f"{desk.provider.events('listening')[0]['issuer']}/session/end?")
        assert started.get(answer.headers["location"]).status_code == 200
        answer = started.get(f"{desk.base}/shop/cart", headers={"Accept": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert reasons(desk, 5) == ["login_redirect", "login_redirect", "", "logout", "session_missing"]
    log = json.dumps(desk.gateway.log) + desk.gateway.errors
    assert "s+cret" not in log and "code=" not in log and SECRET not in log


def test_no_service_gets_the_session(node_server: StartNode, upstream: StartUpstream, gateway: StartGateway) -> None:
    """Nor on a route without the policy: who has it could be that person."""
    desk = Desk(node_server, upstream, gateway)
    document = desk.config([SECRET])
    document["apis"]["shop"]["routes"] = {"open": {"match": {"path": "/open"}, "without": ["oidc"]}}
    document["apis"]["other"] = {"path": "/other", "upstream": "app"}
    desk.gateway.reload(document)
    with contextlib.closing(log_in(desk)) as started:
        session = "; ".join(f"{cookie.name}={cookie.value}" for cookie in started.cookies.jar
                            if cookie.name.startswith("gw"))
        assert session.startswith("gw=")
        for path in ("/shop/", "/shop/open", "/other"):
            assert httpx.get(desk.base + path, headers={"Cookie": f"a=1; {session}; b=2"}, trust_env=False).status_code == 200
            assert desk.service.requests[-1].all("cookie") == ["a=1; b=2"], path


def test_who_was_not_sent_does_not_come_back(node_server: StartNode, upstream: StartUpstream, gateway: StartGateway) -> None:
    """Another browser's way back, one that was made up, one that was used, and one with another's code."""
    desk = Desk(node_server, upstream, gateway)
    with client() as alice, client() as mallory:
        back = at_provider(alice, alice.get(f"{desk.base}/shop/").headers["location"], "alice")
        assert mallory.get(back).status_code == 400
        mallory.get(f"{desk.base}/shop/")
        assert mallory.get(back).status_code == 400
        assert mallory.get(f"{desk.base}/shop/oidc/callback?code=x&state={'A' * 43}").status_code == 400
        assert desk.tokens() == 0
        own = mallory.get(f"{desk.base}/shop/").headers["location"]
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(own).query)["state"][0]
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["code"][0]
        assert mallory.get(f"{desk.base}/shop/oidc/callback?code={code}&state={state}").status_code == 400, "PKCE"
        assert desk.tokens() == 1
        assert not [cookie.name for cookie in mallory.cookies.jar if cookie.name == "gw"]
    assert set(reasons(desk, 7)) == {"login_redirect", "login_failed"}


def test_secrets_are_replaced_while_people_are_logged_in(node_server: StartNode, upstream: StartUpstream,
                                                         gateway: StartGateway) -> None:
    desk = Desk(node_server, upstream, gateway)
    with contextlib.closing(log_in(desk)) as started:
        headers = {"Accept": "*/*"}
        assert started.get(f"{desk.base}/shop/", headers=headers).status_code == 200
        desk.gateway.reload(desk.config([OTHER, SECRET]))
        assert started.get(f"{desk.base}/shop/", headers=headers).status_code == 200
        desk.gateway.reload(desk.config([OTHER]))
        assert started.get(f"{desk.base}/shop/", headers=headers).status_code == 401
    assert reasons(desk, 5)[2:] == ["", "", "session_invalid"]


def test_many_requests_refresh_once(node_server: StartNode, upstream: StartUpstream, gateway: StartGateway) -> None:
    """The provider rotates refresh tokens, and would end a session whose token comes twice."""
    desk = Desk(node_server, upstream, gateway, ttl={"AccessToken": 2, "IdToken": 600})
    with contextlib.closing(log_in(desk)) as started:
        cookie = f"gw={started.cookies.get('gw', path='/shop')}"
        time.sleep(2)

        def visit(_: int) -> httpx.Response:
            return httpx.get(f"{desk.base}/shop/", headers={"Cookie": cookie}, trust_env=False, timeout=DEADLINE)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(visit, range(24)))
        assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
        assert desk.tokens() == 2
        fresh = {answer.headers["set-cookie"].split(";")[0] for answer in answers}
        assert len(fresh) == 1 and fresh.pop().startswith("gw=1")
    assert not desk.provider.events("refused")


def test_an_issuer_that_is_down(node_server: StartNode, upstream: StartUpstream, gateway: StartGateway) -> None:
    """Who has a session does not notice; who wants one is told to come again."""
    desk = Desk(node_server, upstream, gateway)
    with contextlib.closing(log_in(desk)) as started:
        desk.provider.stop()
        for _ in range(5):
            assert started.get(f"{desk.base}/shop/").status_code == 200
        # What the metadata say is remembered; where they were never had, nobody can be sent anywhere.
        desk.gateway.reload(desk.config([SECRET], issuer=f"http://127.0.0.1:{free_port()}"))
        answer = httpx.get(f"{desk.base}/shop/", headers={"Accept": "text/html"}, trust_env=False, timeout=DEADLINE)
        assert answer.status_code == 503
        desk.gateway.wait_for_message("cannot be asked: no connection: Connection refused")
    assert reasons(desk, 8)[2:] == [""] * 5 + ["auth_unavailable"]


def test_the_log_says_why_a_login_fails(node_server: StartNode, upstream: StartUpstream, gateway: StartGateway) -> None:
    """What the person sees is the same; who runs the gateway reads what is wrong with its secret, or what the issuer says."""
    desk = Desk(node_server, upstream, gateway)
    desk.gateway.reload(desk.config([SECRET], client_secret="another's"))
    with client() as started:
        to = at_provider(started, started.get(f"{desk.base}/shop/").headers["location"], "alice")
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(to).query)["state"][0]
        denied = f"{to.partition('?')[0]}?{urllib.parse.urlencode({'error': 'access_denied', 'state': state})}"
        assert started.get(denied).status_code == 400
        desk.gateway.wait_for_message("with the error access_denied")
        time.sleep(1.1)  # of several in a second one is told
        assert started.get(to).status_code == 503
        desk.gateway.wait_for_message("/token answered 401: invalid_client")
    assert "another's" not in desk.gateway.errors


@pytest.mark.parametrize("trusted, fields, origin", [
    ("127.0.0.1", {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example:8443"}, "https://shop.example:8443"),
    ("127.0.0.1", {"Forwarded": "for=192.0.2.1;host=shop.example;proto=https"}, "https://shop.example"),
    ("127.0.0.1", {"X-Forwarded-Host": "shop.example/evil"}, "http://gw.test"),
    ("192.0.2.9", {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}, "http://gw.test"),
    ("192.0.2.9", {"Forwarded": "for=192.0.2.1;host=evil.example;proto=https"}, "http://gw.test"),
])
def test_browsers_come_back_to_where_they_were(gateway: StartGateway, trusted: str, fields: dict[str, str], origin: str) -> None:
    """Behind a proxy that is trusted: to the proxy, by the scheme and host that it tells, and nobody else."""
    with contextlib.closing(Issuer()) as issuer:
        issuer.metadata = {name: f"{issuer.url}/{name}" for name in ("authorization_endpoint", "token_endpoint")}
        policy = {"issuer": issuer.url, "client_id": "shop", "client_secret": "s", "cookie": {"secret": [SECRET]}}
        running = gateway({
            "listeners": {"main": {"address": "127.0.0.1:0", "trusted_proxies": [trusted]}},
            "upstreams": {"app": {"endpoints": ["127.0.0.1:9"]}},
            "apis": {"shop": {"path": "/shop", "upstream": "app", "policies": [{"oidc": policy}]}}})
        with running.connect() as browsing:
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            browsing.send(get("/shop/", f"Accept: text/html\r\n{lines}"))
            answer = browsing.read_answer()
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.get("location") or "").query)
    assert query["redirect_uri"] == [f"{origin}/shop/oidc/callback"]
    assert ("; Secure" in (answer.get("set-cookie") or "")) == origin.startswith("https")


def test_chromium_logs_in(tmp_path: Path, node_server: StartNode, upstream: StartUpstream, gateway: StartGateway,
                          browser: Browser) -> None:  # noqa: F811, pylint: disable=redefined-outer-name
    """Over TLS, with a form that is filled in and sent."""
    tls = {"certificates": [{"certificate": str(tmp_path / "gw.pem"), "key": str(tmp_path / "gw.key")}]}
    desk = Desk(node_server, upstream, gateway, scheme="https", host=HOST, tls=tls)
    browser.load(f"{desk.base}/shop/cart?item=7")
    wait_until(lambda: browser.evaluate("!!document.querySelector('[name=login]')"), "the provider's form")
    browser.evaluate("(() => { const form = document.forms[0]; form.login.value = 'alice';"
                     " form.password.value = 'any'; form.requestSubmit(); return true; })()")
    wait_until(lambda: browser.evaluate("document.title") == "alice", "the page that was asked for")
    assert browser.evaluate("location.href") == f"{desk.base}/shop/cart?item=7"
    assert browser.evaluate("document.cookie") == "", "no script reads it"
    # A script is answered, and not sent away, when there is no session.
    ask = "fetch('/shop/data', {credentials: '%s'}).then(answer => answer.status)"
    assert browser.evaluate(ask % "same-origin") == 200
    assert browser.evaluate(ask % "omit") == 401
    browser.load(f"{desk.base}/shop/logout")
    wait_until(lambda: "/session/end" in browser.evaluate("location.href"), "the provider's logout")
    browser.evaluate("(() => { document.querySelector('button[name=logout]').click(); return true; })()")
    wait_until(lambda: browser.evaluate("!!document.querySelector('[name=login]')"), "the form again")


def test_explain_asks_nobody_and_says_so(tmp_path: Path) -> None:
    policy = {"issuer": "http://127.0.0.1:9", "client_id": "shop", "client_secret": "s", "cookie": {"secret": SECRET}}
    document = {"listeners": {"main": {"address": "127.0.0.1:0"}}, "upstreams": {"app": {"endpoints": ["127.0.0.1:9"]}},
                "apis": {"all": {"upstream": "app", "policies": [{"oidc": policy}]}}}
    (tmp_path / "gatehouse.json").write_text(json.dumps(document), encoding="utf-8")
    told = run_command("explain", "-c", "gatehouse.json", "GET", "/", "-H", "Accept: text/html", cwd=tmp_path).stdout
    assert ("because   oidc: the metadata of http://127.0.0.1:9 are fetched by a gateway that runs, not here" in told
            and "no JSON" not in told), told
