// The trust list: which keys could sign when, and what was revoked. It is the verifier's own file.
import { checkListForm, time } from "./form.mjs";
import { digestOf, readJson, without } from "./json.mjs";
import { readNoteKey } from "./note.mjs";
import { Refusal, need } from "./refusal.mjs";
import { addressOf } from "./secp256k1.mjs";
import { isListSigned } from "./signatures.mjs";

// Throws a TypeError where it is no list, names a key twice, is not signed by whom it names, or is not the one that is
// expected: signed by `signer`, and of this number or a later one.
export function readTrustList(bytes, { signer, number = 1 } = {}) {
  const list = asked(() => {
    const read = readJson(bytes);
    checkListForm(read);
    if (read.log) listedKeys(read.log);
    return read;
  });
  if (new Set(addressesOf(list)).size < list.signers.length) throw new TypeError("the list of signers names one twice");
  if (!asked(() => isListSigned(list, digestOf(without(list, "proof"))))) throw new TypeError("the list of signers is not signed by whom it names");
  const signers = (list.proof ?? []).map((proof) => proof.signer);
  if (signer && !signers.includes(trustedAddress(signer))) throw new TypeError(`the list of signers is not signed by ${signer}, but by ${signers.join(" and ") || "nobody"}`);
  if (!(number >= 1)) throw new TypeError("a number is 1 or more");
  if (list.number < number) throw new TypeError(`the list of signers has the number ${list.number}, not ${number} or more`);
  return list;
}

function listedKeys({ key, witnesses }) {
  try {
    readNoteKey(key);
    for (const text of witnesses) readNoteKey(text, { isWitness: true });
  } catch (error) {
    throw new TypeError(`this is no list of signers (${error.message})`);
  }
}

export function trustedAddress(text) {
  const address = addressOf(text);
  if (!address) throw new TypeError(`${text} is no address in its EIP-55 form`);
  return address;
}

export const addressesOf = (list) => list.signers.map((signer) => signer.address);

function asked(look) {
  try {
    return look();
  } catch (error) {
    if (error instanceof Refusal) throw new TypeError(`this is no list of signers (${error.message})`);
    throw error;
  }
}

export function checkNotRevoked({ attestation_hash: hash }, list) {
  const revoked = list.revoked_documents.find((one) => one.attestation_hash === hash);
  need(!revoked, "DOCUMENT_REVOKED", revoked && `it was revoked ${revoked.at} (${revoked.why})`);
  return "it was not revoked";
}

// Why a signer's signature on the document does not count, as a refusal; null if it does, or the list does not know him.
// Of a key with an end the document's own time is not enough where witnesses watch the list's log: it has to have been
// there before, as of `loggedBy`, milliseconds since 1970.
export function lapseOf(signer, { attestation_hash: hash, timestamp }, list, loggedBy) {
  const entry = list.signers.find(({ address }) => address === signer);
  if (!entry) return null;
  const { valid_from: from, valid_until: until, revoked } = entry;
  // A document's time is its signer's word: of a revoked key only those stand that were known before.
  if (revoked && !revoked.documents.includes(hash)) {
    const since = time(timestamp) >= time(revoked.at) ? `from ${revoked.at} on` : "and the document is not among those known before";
    return new Refusal("SIGNER_REVOKED", `${signer} was revoked (${revoked.why}), ${since}`);
  }
  if (time(timestamp) < time(from) || (until && time(timestamp) >= time(until))) {
    return new Refusal("SIGNER_OUT_OF_TIME", `${signer} signs from ${from}${until ? ` until ${until}` : ""}, and it is of ${timestamp}`);
  }
  if (!until || !list.log?.witnesses.length || (loggedBy !== null && loggedBy < time(until))) return null;
  return new Refusal("SIGNER_OUT_OF_TIME", `${signer} signs until ${until}, and ${loggedBy === null ? "no witnessed proof shows it in the log" : "it was in the log later only"}`);
}
