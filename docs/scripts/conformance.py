"""Hold a verifier of attestations against the conformance suite; Python's standard library alone.

    python conformance.py FOLDER COMMAND...

FOLDER has `cases.json`. COMMAND is called with each case's options and its document's file, and has to print JSON with
the case's `code`, whatever its exit status:

    python conformance.py docs/conformance teleprompt attest verify --json
    python conformance.py docs/conformance node docs/scripts/verify.js --unsigned --json

Exit status 0: all cases have their code. 1: some do not, and are listed. 2: wrong usage.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def answer(command, case, folder):
    document = folder / case["document"]
    with tempfile.TemporaryDirectory() as made:
        if "spaces_before" in case:
            padded = Path(made) / "document.json"
            padded.write_bytes(b" " * case["spaces_before"] + document.read_bytes())
            document = padded
        done = subprocess.run([*command, *case["arguments"], document], cwd=folder, capture_output=True, check=False)
    try:
        return json.loads(done.stdout)["code"]
    except (ValueError, KeyError, TypeError):
        return f"no JSON with a code: {(done.stderr or done.stdout).decode(errors='replace').strip()[-200:]!r}"


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(arguments[0]).resolve()
    # A relative path of the command is the caller's, and not one in the folder.
    command = [str(Path(part).resolve()) if os.sep in part and Path(part).exists() else part for part in arguments[1:]]
    cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))["cases"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = list(pool.map(lambda case: answer(command, case, folder), cases))
    differ = [(case, said) for case, said in zip(cases, answers, strict=True) if said != case["code"]]
    for case, said in differ:
        print(f"{case['name']}: {case['code']} expected, {said}")
    print(f"{len(cases) - len(differ)} of {len(cases)} cases have their code")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
