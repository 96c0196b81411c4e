// Check an attestation's signatures, and proofs against it, with npm packages alone; none of this project's code is used.
//
//   npm install ethers@6 @openzeppelin/merkle-tree@1
//   node verify.js ATTESTATION_FILE [PROOF_FILE ...]
//
// The hash itself is checked by `jq` and `sha256sum`; see attestation.md. Exit status 0: all of it holds.
const { readFileSync } = require("fs");
const { verifyTypedData } = require("ethers");
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");

const DOMAIN = { name: "Teleprompt Attestation", version: "1" };
const TYPES = {
  Attestation: [
    { name: "attestationId", type: "string" },
    { name: "attestationHash", type: "bytes32" },
    { name: "modelId", type: "string" },
    { name: "optimizedVersion", type: "string" },
    { name: "signer", type: "address" },
  ],
};

const [, , file, ...proofFiles] = process.argv;
const read = (path) => JSON.parse(readFileSync(path, "utf8"));
const document = read(file);
let good = true;

function report(holds, text) {
  good &&= holds;
  console.log(`${holds ? "ok  " : "FAIL"}  ${text}`);
}

for (const proof of [document.proof].flat()) {
  const message = {
    attestationId: document.attestation_id,
    attestationHash: `0x${document.attestation_hash}`,
    modelId: document.model_info.model_id,
    optimizedVersion: document.model_info.optimized_version,
    signer: proof.signer,
  };
  report(verifyTypedData(DOMAIN, TYPES, message, proof.signature) === proof.signer, `signed by ${proof.signer}`);
}
for (const path of proofFiles) {
  const proof = read(path);
  // The rewards' root is not in the document: it follows from the total, and from the weights that are signed.
  const ofThis = proof.attestation_hash === document.attestation_hash &&
    (proof.type === "reward" || proof.root === `0x${document.data.traces_root}`);
  const holds = ofThis && StandardMerkleTree.verify(proof.root, proof.leaf_encoding, proof.leaf, proof.proof);
  report(holds, `${proof.type} ${proof.leaf.join(" ")}`);
}
process.exit(good ? 0 : 1);
