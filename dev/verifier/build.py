"""The verifier that needs nothing of ours: one source, built into a script for Node and into one page for a browser.

The modules beside this file are joined in the order in which they import each other, without their `import` lines and
`export` words, so that both files hold the same code in the same words. Nothing is minified: it is to be read.
"""

import base64
import hashlib
import re
from pathlib import Path

SOURCES = Path(__file__).parent
REPOSITORY = SOURCES.parents[1]
SCRIPT = REPOSITORY / "docs/scripts/verify.js"
PAGES = (REPOSITORY / "docs/verify.html", REPOSITORY / "plugins/teleprompt_airflow/ui/static/verify.html")
"""In the documentation's site, and in the plugin, which serves it."""
USAGE = """\
// Checks an attestation, proofs and a recompute bundle, with Node (20 or later) and nothing else; made by
// `python -m dev.verifier` from dev/verifier, as the page verify.html is.
//
//   node verify.js [--signer 0x…]... [--bundle FILE] ATTESTATION_FILE [PROOF_FILE]...
//
// Exit status 0: all that is printed holds. 1: something does not. 2: wrong usage.
"use strict";
"""
_IMPORT = re.compile(r'^import (?:\{[^}]*\}) from "\./(\w+)\.mjs";\n', re.MULTILINE)
_NAME = re.compile(r"^(?:async )?(?:function|class|const|let) (\w+)", re.MULTILINE)


def outputs() -> dict[Path, str]:
    """Each file that is built, and its text."""
    core = _joined("verify")
    page = _page(core)
    return {SCRIPT: f"{USAGE}\n{core}\n{_source('cli.js')}", **dict.fromkeys(PAGES, page)}


def _joined(entry: str) -> str:
    """The module of that name and all that it imports, each before those that import it.

    Raises:
        ValueError: two modules use one name, which would be one thing in the joined text.
    """
    texts: dict[str, str] = {}

    def add(module: str) -> None:
        text = _source(f"{module}.mjs")
        for imported in _IMPORT.findall(text):
            if imported not in texts:
                add(imported)
        texts[module] = re.sub(r"^export ", "", _IMPORT.sub("", text), flags=re.MULTILINE).strip()

    add(entry)
    names = [name for text in texts.values() for name in _NAME.findall(text)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"several modules of {SOURCES} use the names {', '.join(twice)}")
    return "\n\n".join(f"// ==== {module}.mjs\n{text}" for module, text in texts.items()) + "\n"


def _page(core: str) -> str:
    """The page: styles and code stand in it, and its policy lets nothing else in, and nothing out."""
    script = f'\n"use strict";\n{core}\n{_source("page.js")}'
    style = f"\n{_source('page.css')}"
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    text = _source("page.html")
    for name, part in (("policy", policy), ("style", style), ("script", script)):
        text = text.replace(f"{{{{ {name} }}}}", part)
    return text


def _hash(text: str) -> str:
    """What a Content Security Policy names an inline script or style by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _source(name: str) -> str:
    return (SOURCES / name).read_text(encoding="utf-8")
