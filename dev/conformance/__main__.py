"""Write docs/conformance; with `--check` only compare, and fail where it is not current."""

import sys

from dev.conformance.suite import FOLDER, suite


def main() -> int:
    """Write or compare."""
    made = suite()
    there = {str(file.relative_to(FOLDER)): file.read_bytes() for file in FOLDER.rglob("*") if file.is_file()}
    if "--check" in sys.argv[1:]:
        differ = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
        for name in differ:
            print(f"docs/conformance/{name} is not what dev/conformance gives; run `make reference`.")
        return min(len(differ), 1)
    for name in there.keys() - made.keys():
        (FOLDER / name).unlink()
    for name, data in made.items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
