// How long @openzeppelin/merkle-tree takes for so many leaves.
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");

const { count } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const values = Array.from({ length: count }, (_, i) => ["0x" + i.toString(16).padStart(40, "0"), String(i)]);
const began = process.hrtime.bigint();
const tree = StandardMerkleTree.of(values, ["address", "uint256"]);
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
console.log(JSON.stringify({ root: tree.root, seconds, peak_mb: process.resourceUsage().maxRSS / 1024 }));
