"""The page docs/verify.html in Chromium, from a file: every refusal, no request; pictures go to .local/screenshots."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from teleprompt.attest.issue import serialize
from teleprompt.attest.verify import verify_attestation
from teleprompt.transparency.entries import attestation_entry, signers_entry
from tests import REPOSITORY
from tests.attest.documents import SIGNER_ADDRESS
from tests.attest.test_bundle import TRIAL, TRIAL_SCORES, bundle
from tests.attest.test_conformance import CASES, FOLDER
from tests.attest.test_evidence import CONTRADICTIONS
from tests.attest.test_trust_list import LIST, key
from tests.attest.test_verify_js import DOCUMENT, REWARD, SIGNED, TRACE, mutations, written
from tests.chromium import chromium
from tests.transparency.keys import Cosigner
from tests.transparency.made_log import MadeLog

pytestmark = pytest.mark.slow
PAGE = REPOSITORY / "docs/verify.html"
OTHERS = [signers_entry(number=number, list_digest="ab" * 32) for number in range(1, 41)]
SCREENSHOTS = REPOSITORY / ".local/screenshots"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


class Visit:
    """Somebody who opened the page, and notes what it asks for and complains of."""

    def __init__(self, browser: Browser, *, width: int = 1200, theme: Any = "light") -> None:
        self.page: Page = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, offline=True
        ).new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(PAGE.as_uri())

    def give(self, **files: bytes) -> None:
        """Files by name, chosen at once."""
        given = [{"name": name, "mimeType": "application/json", "buffer": data} for name, data in files.items()]
        self.page.set_input_files("#files", given)  # type: ignore[arg-type]
        self.page.wait_for_selector("#result:not([hidden])")

    def verdict(self) -> str:
        return self.page.locator("#verdict").inner_text().replace("\n\n", "\n")

    def checks(self, state: str) -> list[str]:
        return self.page.locator(f"#checks .{state} strong").all_inner_texts()


def test_who_names_the_signer_sees_that_all_of_it_holds(browser: Browser) -> None:
    visit = Visit(browser)
    visit.give(a=serialize(SIGNED).encode(), reward=written(REWARD), trace=written(TRACE))
    assert visit.verdict().startswith("!\nConsistent, with one reservation\nsigned by 0x19E7")
    visit.page.locator("#expectations summary").click()
    visit.page.fill('[name="signers"]', SIGNER_ADDRESS.lower())
    visit.page.fill('[name="program"]', "EmailDraft")
    visit.page.wait_for_selector("#verdict.ok")
    assert visit.verdict() == f"✓\nValid\nsigned by {SIGNER_ADDRESS}"
    assert visit.checks("ok") == [
        "File", "Form", "Hash", "Dates", "Program", "Gain", "Evidence", "Credit", "Signature", "Expected",
        "Proof reward", "Proof trace",
    ]  # fmt: skip
    assert "+2.30 points of agreement, at least +0.20" in visit.page.locator("#summary").inner_text()
    visit.page.fill('[name="program"]', "Shelves")
    visit.page.wait_for_selector("#verdict.fail")
    assert "PROGRAM_UNEXPECTED" in visit.verdict()
    assert visit.checks("skipped") == ["Proof reward", "Proof trace"]
    visit.page.fill('[name="signers"]', "0x1")
    visit.page.wait_for_function("document.querySelector('#verdict').innerText.includes('0x1 is no address')")
    assert (visit.asked, visit.complaints) == ([PAGE.as_uri()], [])


def test_its_place_in_a_public_log_is_shown_and_asked_for(browser: Browser) -> None:
    visit = Visit(browser)
    entry = attestation_entry(json.loads(serialize(SIGNED)))
    log, witness = MadeLog([*OTHERS, entry]), Cosigner()
    proof = log.proof(len(OTHERS), None, (witness, 1_768_521_600))
    visit.give(a=serialize(SIGNED).encode(), proof=proof.to_bytes())
    assert "Log" in visit.checks("warn")  # whose log that is nobody said
    visit.page.locator("#expectations summary").click()
    visit.page.fill('[name="log"]', str(log.key))
    visit.page.fill('[name="witnesses"]', str(witness.key))
    visit.page.wait_for_function(
        "document.querySelector('#checks').innerText.includes('cosigned by witness.example/w')"
    )
    assert "Log" in visit.checks("ok")
    visit.give(kept=log.checkpoint(20).data)
    visit.page.wait_for_function("document.querySelector('#verdict').innerText.includes('LOG_FORKED')")
    visit.give(goes_on=log.goes_on(20).to_bytes())
    visit.page.wait_for_function("!document.querySelector('#verdict').innerText.includes('LOG_FORKED')")
    visit.page.fill('[name="witnesses"]', str(Cosigner(seed=5).key))
    visit.page.wait_for_function("document.querySelector('#verdict').innerText.includes('LOG_UNWITNESSED')")
    assert (visit.asked, visit.complaints) == ([PAGE.as_uri()], [])


def test_the_list_of_signers_stands_for_those_who_are_named(browser: Browser) -> None:
    visit = Visit(browser)
    visit.give(a=serialize(SIGNED).encode(), signers=written({**LIST, "signers": [key()]}))
    assert visit.verdict().startswith("✓\nValid")
    assert "Revocation" in visit.checks("ok")
    visit.give(signers=written({**LIST, "signers": [key(valid_until="2026-01-15T00:00:00Z")]}))
    visit.page.wait_for_selector("#verdict.fail")
    assert "SIGNER_OUT_OF_TIME" in visit.verdict()
    visit.page.click("#expectations summary")
    visit.page.fill('[name="listNumber"]', "2")
    visit.page.wait_for_function("document.querySelector('#verdict').innerText.includes('the number 1, not 2')")
    visit.page.fill('[name="listNumber"]', "1")
    visit.page.fill('[name="listSigner"]', SIGNER_ADDRESS)
    visit.page.wait_for_function("document.querySelector('#verdict').innerText.includes('but by nobody')")
    visit.page.fill('[name="listSigner"]', "")
    visit.give(signers=written({**LIST, "signers": [key(), key()]}))
    visit.page.wait_for_function("document.querySelector('#verdict').innerText.includes('names one twice')")
    assert (visit.asked, visit.complaints) == ([PAGE.as_uri()], [])


def test_a_bundle_holds_the_document_and_its_scores(browser: Browser) -> None:
    visit = Visit(browser)
    visit.give(bundle=written(bundle(TRIAL, TRIAL_SCORES)))
    assert "each figure of the evidence, made anew" in visit.page.locator("#checks").inner_text()
    assert visit.checks("warn") == ["Signature"]


def refused() -> list[bytes]:
    """One document for each code that a document alone can be refused with, and all contradictions there are."""
    found = {}
    text = serialize(SIGNED).encode()
    odd = [b" " * 2**22 + text, b"\xff", b"[" * 17, b"{", b'{"a":1,"a":2}', b'{"a":-0}', b"{}"]
    for data in [*odd, *map(written, mutations(DOCUMENT)), *(written(document) for document, _ in CONTRADICTIONS)]:
        code = verify_attestation(data).code
        found[f"{code} {len(found)}" if code == "EVIDENCE_MISMATCH" else str(code)] = data
    del found["OK"]
    return list(found.values())


def test_every_refusal_has_its_code(browser: Browser) -> None:
    visit = Visit(browser)
    documents = refused()
    assert len(documents) > 55
    for data in documents:
        visit.give(file=data)
        code = verify_attestation(data).code
        visit.page.wait_for_function(
            "code => document.querySelector('#verdict h2').innerText === code", arg=f"Not valid: {code}"
        )
        assert len(visit.checks("fail")) == 1
    assert (visit.asked, visit.complaints) == ([PAGE.as_uri()], [])


def test_its_code_passes_the_conformance_suite(browser: Browser) -> None:
    visit = Visit(browser)
    said = {case["name"]: visit.page.evaluate(ASK, _asked(case)) for case in CASES}
    assert said == {case["name"]: case["code"] for case in CASES}


ASK = """({files, options}) => {
  const decoded = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const bytes = (text) => (text === undefined ? undefined : decoded(text));
  const { document, bundle, trustList, proofs, state, logProof, kept, goesOn } = files;
  const given = {
    document: bytes(document), bundle: bytes(bundle), trustList: bytes(trustList), logProof: bytes(logProof),
    proofs: proofs.map((proof) => ["", bytes(proof)]),
  };
  const expected = { ...options.expected, state: state && toHex(sha256(bytes(state))) };
  const log = { ...options.log, kept: bytes(kept), goesOn: bytes(goesOn) };
  return verify(given, { ...options, expected, log }).code;
}"""


def _asked(case: dict[str, Any]) -> dict[str, Any]:
    """What the page's own code is asked, for the options of a case."""
    data = b" " * case.get("spaces_before", 0) + (FOLDER / case["document"]).read_bytes()
    files: dict[str, Any] = {"document": _encoded(data), "proofs": []}
    options: dict[str, Any] = {"signers": [], "expected": {}, "log": {"keys": [], "witnesses": []}}
    of_log = {"--log-proof": "logProof", "--kept": "kept", "--consistency": "goesOn"}
    rest = iter(case["arguments"])
    for option in rest:
        match option:
            case "--require-signature":
                options["requireSignature"] = True
            case "--require-evidence":
                options["expected"]["evidence"] = True
            case "--signer":
                options["signers"].append(next(rest))
            case "--threshold":
                options["threshold"] = int(next(rest))
            case "--proof":
                files["proofs"].append(_encoded((FOLDER / next(rest)).read_bytes()))
            case "--bundle" | "--state":
                files[option[2:]] = _encoded((FOLDER / next(rest)).read_bytes())
            case "--signers":
                files["trustList"] = _encoded((FOLDER / next(rest)).read_bytes())
            case "--log-proof" | "--kept" | "--consistency":
                files[of_log[option]] = _encoded((FOLDER / next(rest)).read_bytes())
            case "--log":
                options["log"]["keys"].append(next(rest))
            case "--witness":
                options["log"]["witnesses"].append(next(rest))
            case "--witnesses":
                options["log"]["quorum"] = int(next(rest))
            case "--after":
                moment = next(rest)
                options["expected"]["after"] = moment if "T" in moment else f"{moment}T00:00:00Z"
            case "--program" | "--version":
                options["expected"][option[2:]] = next(rest)
            case _:
                raise AssertionError(option)
    return {"files": files, "options": options}


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_what_a_file_holds_is_text(browser: Browser) -> None:
    visit = Visit(browser)
    tag = "<img src=x onerror=alert(1)>"
    visit.give(**{tag: json.dumps({**DOCUMENT, "model_info": {**DOCUMENT["model_info"], "model_id": tag}}).encode()})
    assert visit.page.locator("img").count() == 0
    assert (visit.asked, visit.complaints) == ([PAGE.as_uri()], [])


def test_its_policy_lets_no_code_and_no_data_out(browser: Browser) -> None:
    visit = Visit(browser)
    tried = "fetch('https://example.org').then(() => 'asked', () => 'refused')"
    assert visit.page.evaluate(tried) == "refused"
    visit.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"
    )
    assert visit.page.evaluate("window.ran") is None
    assert all("Content Security Policy" in complaint for complaint in visit.complaints)
    assert len(visit.complaints) >= 2


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_it_fits_the_screen(browser: Browser, width: int, theme: str) -> None:
    visit = Visit(browser, width=width, theme=theme)
    visit.give(a=serialize(SIGNED).encode(), reward=written(REWARD))
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    visit.page.screenshot(path=SCREENSHOTS / f"verifier_{width}_{theme}.png", full_page=True)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == width
    light = visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(246, 248, 248)"
    assert light is (theme == "light")
