// Who signed: EIP-712 over the hash, with the signer in what is signed, so that nobody can find an address for a
// signature that he made up.
import { fromHex, joined, keccak256, utf8 } from "./hashes.mjs";
import { need } from "./refusal.mjs";
import { recoverAddress } from "./secp256k1.mjs";

const TYPE = "Attestation(string attestationId,bytes32 attestationHash,string modelId,string optimizedVersion,address signer)";
const hashed = (text) => keccak256(utf8(text));
const domain = (name) => keccak256(joined(hashed("EIP712Domain(string name,string version)"), hashed(name), hashed("1")));
const DOMAIN = domain("Teleprompt Attestation");
const LIST_TYPE = "SignerList(bytes32 listHash,uint64 number,address signer)";
const LIST_DOMAIN = domain("Teleprompt Signers");

const PREFIX = Uint8Array.of(0x19, 0x01);

export const word = (hex) => fromHex(hex.replace(/^0x/, "").padStart(64, "0"));
export const signaturesOf = ({ proof }) => (proof === undefined ? [] : Array.isArray(proof) ? proof : [proof]);

// The signers, each signature checked.
export function recoverSigners(document) {
  const { attestation_id: id, attestation_hash: hash, model_info: info } = document;
  const proofs = signaturesOf(document);
  const signers = proofs.map(({ signer, signature }) => {
    const message = keccak256(joined(
      hashed(TYPE), hashed(id), word(hash), hashed(info.model_id), hashed(info.optimized_version), word(signer),
    ));
    return recoverAddress(keccak256(joined(PREFIX, DOMAIN, message)), fromHex(signature));
  });
  need(signers.every((signer, i) => signer === proofs[i].signer), "SIGNATURE_INVALID", "the signature is not by the signer it names");
  need(signers.every((signer, i) => i === 0 || signers[i - 1].toLowerCase() < signer.toLowerCase()),
    "SIGNATURE_INVALID", "the signers do not stand in ascending order");
  return signers;
}

// Whether each signature under a list of signers with this hash is by whom it names.
export function isListSigned({ number, proof = [] }, hash) {
  return proof.every(({ signer, signature }) => {
    const message = keccak256(joined(hashed(LIST_TYPE), word(hash), word(number.toString(16)), word(signer)));
    return recoverAddress(keccak256(joined(PREFIX, LIST_DOMAIN, message)), fromHex(signature)) === signer;
  });
}
