"""The pages in Chromium, inside Airflow's own UI, behind its login; screenshots go to .local/screenshots."""

from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Frame, Page

from tests import REPOSITORY
from tests.airflow.api.conftest import World
from tests.attest.documents import SIGNER_ADDRESS
from tests.chromium import chromium
from tests.support import WEEK

pytestmark = pytest.mark.slow
VERIFIER_PAGE = REPOSITORY / "docs/verify.html"
SCREENSHOTS = REPOSITORY / ".local/screenshots"
PATIENCE_MS = 60_000
HOST = "airflow.test"
"""Not localhost: to that a browser sends `Sec-Fetch-Site` over HTTP too."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(f"--host-resolver-rules=MAP {HOST} 127.0.0.1") as opened:
        yield opened


class Visit:
    """A logged-in visit, which notes what a careful reader of the console would see."""

    def __init__(self, browser: Browser, address: str, token: str, theme: Any) -> None:
        self.address = address
        self.theme = theme
        context = browser.new_context(viewport={"width": 1400, "height": 1000}, color_scheme=theme)
        context.add_cookies([{"name": "_token", "value": token, "url": address}])
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.complaints: list[str] = []
        self.outside: list[str] = []
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        if not url.startswith((self.address, "data:", f"blob:{self.address}")):
            self.outside.append(url)

    def frame(self) -> Frame:
        """The iframe with our page, once it is there."""
        self.page.wait_for_selector("iframe")
        for _ in range(PATIENCE_MS // 100):
            for frame in self.page.frames:
                if frame.url.startswith(f"{self.address}/teleprompt/ui"):
                    return frame
            self.page.wait_for_timeout(100)
        raise AssertionError("our page did not come")

    def picture(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}_{self.theme}.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_from_the_navigation_to_a_verified_attestation(
    browser: Browser, address: str, world: World, theme: str
) -> None:
    visit = Visit(browser, address, world.tokens["admin"], theme)
    visit.page.goto(f"{address}/")
    visit.page.get_by_text("Teleprompt", exact=True).first.click()
    frame = visit.frame()

    row = frame.locator('tr[data-program="shelves"]')
    row.wait_for()
    glance = world.get("/programs/shelves/overview")
    assert glance["last_verdict"]["verdict"] in row.inner_text()
    assert f"{glance['last_verdict']['delta_e6'] / 1e4:+.2f}" in row.inner_text()
    assert row.locator(".backlog").inner_text() == str(glance["backlog"])
    visit.picture("programs")

    row.locator('a[href="programs/shelves"]').click()
    frame.locator("#history svg").wait_for()
    listed = [run["run_id"] for run in world.get("/programs/shelves/runs")["runs"]]
    shown = [line.get_attribute("data-run") for line in frame.locator("#runs tbody tr").all()]
    assert shown == listed
    visit.picture("program")

    frame.locator("#backfill summary").click()
    frame.locator('#backfill input[name="from"]').fill(str((WEEK.start - timedelta(days=21)).date()))
    frame.locator('#backfill input[name="to"]').fill(str(WEEK.start.date()))
    frame.locator("#backfill button").click()
    frame.locator("#windows").wait_for()
    assert frame.locator("#windows tbody tr").count() == 4
    visit.picture("backfill")
    frame.locator('a[href="../../programs/shelves"]').click()

    frame.locator(f'tr[data-run="{world.run.run_id}"] a').first.click()
    frame.locator("#gate").wait_for()
    gate = world.get(f"/programs/shelves/runs/{world.run.run_id}/gate")["report"]
    assert frame.locator("#delta").inner_text() == f"{gate['delta_e6'] / 1e4:+.2f}"
    visit.picture("run")

    frame.locator("#verify").click()
    frame.locator("#verification").wait_for()
    assert "valid: OK" in frame.locator("#verification").inner_text()
    assert frame.locator("#deep td.ok").count() > 10
    assert frame.locator("#deep td.bad").count() == 0
    visit.picture("verified")

    colour = frame.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (colour == "rgb(255, 255, 255)") is (theme == "light")

    with visit.page.expect_download() as kept:
        frame.get_by_text("the document", exact=True).click()
    frame.locator("#verifier").click()
    frame.locator("#expectations summary").click()
    frame.fill('[name="signers"]', SIGNER_ADDRESS)
    frame.set_input_files("#files", kept.value.path())
    frame.wait_for_selector("#verdict.ok")
    assert frame.locator("#checks .ok").count() >= 9
    visit.picture("verified_in_the_browser")
    with visit.page.expect_download() as page:
        frame.get_by_text("keep a copy").click()
    assert page.value.path().read_bytes() == VERIFIER_PAGE.read_bytes()

    assert (visit.complaints, visit.outside) == ([], [])


def test_a_run_is_started_from_the_page(browser: Browser, address: str, world: World) -> None:
    visit = Visit(browser, address, world.tokens["user"], "light")
    visit.page.goto(f"{address}/teleprompt/ui/programs/shelves")
    visit.page.locator("#start").click()
    said = visit.page.locator("#started").inner_text()
    started = world.get(f"/programs/shelves/dag-runs/{quote(said.removeprefix('Started: '))}")
    assert (started["state"], started["asked_for_by"]) == ("queued", "user")
    assert visit.complaints == []


@pytest.fixture
def form_of_others(address: str) -> Iterator[str]:
    """The address of a page on another port of the same host, with a form that starts a run by itself."""
    target = f"http://{HOST}:{urlsplit(address).port}/teleprompt/ui/programs/shelves/start"

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("referrer-policy", self.path.strip("/"))
            self.end_headers()
            self.wfile.write(
                f"<form method=post action={target}></form><script>document.forms[0].submit()</script>".encode()
            )

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("policy", ["unsafe-url", "no-referrer"])
def test_a_form_on_another_port_of_the_host_starts_nothing(
    browser: Browser, address: str, world: World, form_of_others: str, policy: str
) -> None:
    """The cookie comes along, for to a browser that is the same site."""
    own = f"http://{HOST}:{urlsplit(address).port}"
    visit = Visit(browser, own, world.tokens["user"], "light")
    with visit.page.expect_response(f"{own}/teleprompt/ui/programs/shelves/start") as sent:
        visit.page.goto(f"{form_of_others}/{policy}")
    headers = sent.value.request.all_headers()
    assert ("_token" in headers["cookie"], "sec-fetch-site" in headers) == (True, False)
    assert sent.value.status == 403


def test_the_button_of_the_page_itself_works_over_plain_http(browser: Browser, address: str, world: World) -> None:
    visit = Visit(browser, f"http://{HOST}:{urlsplit(address).port}", world.tokens["user"], "light")
    visit.page.goto(f"{visit.address}/teleprompt/ui/programs/shelves")
    visit.page.locator("#start").click()
    assert visit.page.locator("#started").inner_text().startswith("Started: ")
