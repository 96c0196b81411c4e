"""Write what is built: `python -m dev.verifier`; with `--check` only compare, and fail where it is not current."""

import sys

from dev.verifier.build import REPOSITORY, outputs


def main() -> int:
    """Write or compare."""
    built = outputs()
    if "--check" in sys.argv[1:]:
        stale = [file for file, text in built.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
        for file in stale:
            print(f"{file.relative_to(REPOSITORY)} is not what dev/verifier gives; run `make reference`.")
        return len(stale)
    for file, text in built.items():
        file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
