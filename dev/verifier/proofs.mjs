// Proofs that a trace was used, or of what a contributor is due. What they must hold follows from the document, never
// from themselves.
import { compareBytes, largestRemainder, tieBreak, total } from "./credit.mjs";
import { isDigest } from "./form.mjs";
import { fromHex, joined, keccak256, toHex } from "./hashes.mjs";
import { canonical, digestOf } from "./json.mjs";
import { e6, need } from "./refusal.mjs";
import { ZERO_ADDRESS, addressOf } from "./secp256k1.mjs";
import { word } from "./signatures.mjs";

const REWARD = ["type", "attestation_hash", "root", "proof", "leaf_encoding", "leaf", "total"];
const TRACE = ["type", "attestation_hash", "root", "proof", "leaf_encoding", "leaf", "salt", "trace"];
const HASH = /^0x[0-9a-f]{64}$/;
const UNITS = /^(0|[1-9][0-9]{0,77})$/;
const needProof = (holds, what) => need(holds, "PROOF_INVALID", what);
const matches = (pattern, value) => typeof value === "string" && pattern.test(value);

// Returns what it proves, in a sentence.
export function checkProof(document, proof) {
  const isReward = proof?.type === "reward";
  const fields = isReward ? REWARD : TRACE;
  needProof(isReward || proof?.type === "trace", "the file is no proof of `attest prove`");
  const types = isReward ? ["address", "uint256"] : ["bytes32", "address", "uint64"];
  const given = { leaf_encoding: types, ...proof };
  needProof(Object.keys(given).length === fields.length && fields.every((field) => Object.hasOwn(given, field)), "it holds other fields");
  const { leaf, proof: siblings } = proof;
  needProof(proof.attestation_hash === document.attestation_hash, "it is a proof for another attestation");
  needProof(canonical(given.leaf_encoding) === canonical(types) && Array.isArray(leaf) && leaf.length === types.length, "its leaf has another form");
  const [address, amount] = leaf.slice(-2);
  needProof(matches(UNITS, amount) && BigInt(amount) < 1n << (isReward ? 256n : 64n), "its leaf has another form");
  needProof(address === ZERO_ADDRESS || (address !== null && addressOf(address) === address), "its address stands in another form");
  needProof(isReward || matches(HASH, leaf[0]), "its leaf has another form");
  needProof(Array.isArray(siblings) && siblings.length <= 64 && siblings.every((sibling) => matches(HASH, sibling)), "its siblings are no hashes");
  const root = isReward ? rewardRoot(document, proof.total) : traceRoot(document, proof);
  needProof(proof.root === root, "its root is not the attestation's");
  let node = leafHash(isReward ? [address, amount] : [leaf[0], address, amount]);
  for (const sibling of siblings) node = pairHash(node, fromHex(sibling));
  needProof(`0x${toHex(node)}` === root, "it does not lead to the root");
  return isReward
    ? `${amount} of ${proof.total} base units are due to ${address}`
    : `trace ${JSON.stringify(proof.trace.trace_id)} was used, with a score of ${Number(amount) / 1e6}`;
}

function traceRoot({ data }, { leaf, salt, trace }) {
  needProof(isDigest(salt) && leaf[0] === `0x${digestOf({ salt, trace })}`, "its leaf is of another trace");
  needProof(trace !== null && typeof trace === "object" && trace.contributor_address === (leaf[1] === ZERO_ADDRESS ? null : leaf[1]) &&
    String(trace.score_e6) === leaf[2], "its leaf is of another trace");
  needProof(data?.traces_root, "the attestation has no tree of traces");
  return `0x${data.traces_root}`;
}

// The tree over what everybody is due of the total, by the weights that are signed; who cannot be paid is not in it.
function rewardRoot({ contributors, credit }, amount) {
  needProof(matches(UNITS, amount), "its total is no number of base units");
  let weights = contributors.map((person) => BigInt(e6(person.weight)));
  if (credit?.unpayable === "share") {
    const kept = contributors.map(({ address, quarantine }, i) => (address === null && quarantine === "no_address" ? 0n : weights[i]));
    if (kept.some((weight) => weight > 0n)) weights = kept;
  }
  const parts = largestRemainder(BigInt(amount), weights, contributors.map(tieBreak));
  const leaves = contributors.map(({ address }, i) => [address, String(parts[i])]).filter(([address, part]) => address && part !== "0");
  needProof(leaves.length && total(parts) < 1n << 256n, "of this total nothing can be paid to anybody");
  return `0x${toHex(treeRoot(leaves.map(leafHash)))}`;
}

// As OpenZeppelin's StandardMerkleTree: a leaf is hashed twice, leaves are sorted, and so is each pair.
const leafHash = (values) => keccak256(keccak256(joined(...values.map((value) => word(/^0x/.test(value) ? value : BigInt(value).toString(16))))));
const pairHash = (one, other) => keccak256(compareBytes(one, other) < 0 ? joined(one, other) : joined(other, one));

function treeRoot(leaves) {
  const nodes = [...Array(leaves.length - 1), ...leaves.sort((one, other) => compareBytes(other, one))];
  for (let i = leaves.length - 2; i >= 0; i--) nodes[i] = pairHash(nodes[2 * i + 1], nodes[2 * i + 2]);
  return nodes[0];
}
