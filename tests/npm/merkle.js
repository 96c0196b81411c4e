// What @openzeppelin/merkle-tree makes of values, and whether it takes proofs and a tree of ours.
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");

const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const result = {};
if (given.values) {
  const tree = StandardMerkleTree.of(given.values, given.types);
  result.root = tree.root;
  result.proofs = given.values.map((_, i) => tree.getProof(i));
}
if (given.proofs) {
  result.verified = given.proofs.map((p) =>
    StandardMerkleTree.verify(p.root, p.leaf_encoding, p.leaf, p.proof));
}
if (given.dump) {
  const tree = StandardMerkleTree.load(given.dump);
  tree.validate();
  result.loaded = tree.root;
}
console.log(JSON.stringify(result));
