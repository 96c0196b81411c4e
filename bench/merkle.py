"""Merkle trees: a million leaves, and 100,000 against npm's `@openzeppelin/merkle-tree`; each in a fresh process."""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import replace

from tests.stock_tools import node
from tests.support import ALICE, trace_row

SECRET = b"\1" * 32


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, default=1_000_000)
    parser.add_argument("--compared", type=int, default=100_000)
    parser.add_argument("--measure", choices=["leaves", "traces", "rewards"])
    parser.add_argument("--count", type=int)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.count)))
        return
    print(f"\nMerkle trees of {arguments.leaves:,} leaves\n")
    print(f"{'':<42}{'seconds':>10}{'peak MB':>10}")
    for kind, what in (("leaves", "leaves of (bytes32, address, uint64)"), ("traces", "traces: salt, digest, leaf")):
        found = in_fresh_process(kind, arguments.leaves)
        print(f"{what:<42}{found['seconds']:>10.1f}{found['peak_mb']:>10.0f}")
    ours = in_fresh_process("rewards", arguments.compared)
    theirs = node("merkle_bench.js", {"count": arguments.compared})
    same = "the same root" if ours["root"] == theirs["root"] else "ANOTHER ROOT"
    print(f"\n{arguments.compared:,} leaves of (address, uint256): {same}\n")
    print(f"{'@openzeppelin/merkle-tree':<42}{theirs['seconds']:>10.1f}{theirs['peak_mb']:>10.0f}")
    print(f"{'this project':<42}{ours['seconds']:>10.1f}{ours['peak_mb']:>10.0f}")
    print(f"\n{theirs['seconds'] / ours['seconds']:.0f} times as fast")


def in_fresh_process(kind: str, count: int) -> dict[str, float | str]:
    """`measure` in an interpreter of its own, whose peak of memory is its own too."""
    command = [sys.executable, "-m", "bench.merkle", "--measure", kind, "--count", str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def measure(kind: str, count: int) -> dict[str, float | str]:
    """Seconds, peak of memory and root of one tree."""
    import resource

    from teleprompt.attribution.trace_tree import trace_leaf, trace_tree
    from teleprompt.encoding.merkle import MerkleTree, leaf_hash, word_of_address, word_of_int

    row = replace(trace_row(), contributor_address=ALICE)
    began = time.perf_counter()
    match kind:
        case "leaves":
            tree = MerkleTree(trace_leaf(f"{i:064x}", ALICE, 900_000) for i in range(count))
        case "traces":
            tree = trace_tree((replace(row, trace_id=f"t{i}") for i in range(count)), SECRET)
        case _:
            tree = MerkleTree(leaf_hash(word_of_address(f"0x{i:040x}") + word_of_int(i)) for i in range(count))
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak_mb": peak, "root": f"0x{tree.root.hex()}"}


if __name__ == "__main__":
    main()
