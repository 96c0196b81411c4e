// What the verifier's own primitives make of many inputs: its modules, as they are, without a build.
import { readFileSync } from "node:fs";

const [folder] = process.argv.slice(2);
const { fromHex, keccak256, sha256, toHex } = await import(`${folder}/hashes.mjs`);
const { addressOf, recoverAddress } = await import(`${folder}/secp256k1.mjs`);
const { canonical } = await import(`${folder}/json.mjs`);

function signer([digest, signature]) {
  try {
    return recoverAddress(fromHex(digest), fromHex(signature));
  } catch (error) {
    return error.code;
  }
}

const given = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify({
  sha256: given.texts.map((text) => toHex(sha256(fromHex(text)))),
  keccak: given.texts.map((text) => toHex(keccak256(fromHex(text)))),
  signers: given.signatures.map(signer),
  addresses: given.addresses.map(addressOf),
  canonical: given.values.map(canonical),
}));
