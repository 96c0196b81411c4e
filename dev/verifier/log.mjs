// That a document is in a public log: by a proof beside it (c2sp.org/tlog-proof), and that the log goes on from a
// checkpoint that the verifier kept (RFC 9162, 2.1.3 and 2.1.4).
import { joined, sha256, utf8 } from "./hashes.mjs";
import { canonical, digestOf } from "./json.mjs";
import { NoteFault, checkSignedBy, decodedNote, fromBase64, noteNeed, readCheckpoint, readNoteKey, sameBytes, signedAt, smallNumber } from "./note.mjs";
import { Refusal, need } from "./refusal.mjs";

const PROOF_HEADER = "c2sp.org/tlog-proof@v1";
const MOST_HASHES = 63;
const MOST_PROOF_BYTES = 128 * 1024;

const logLeaf = (entry) => sha256(joined(Uint8Array.of(0), entry));
const logNode = (left, right) => sha256(joined(Uint8Array.of(1), left, right));

// What the verifier asks of the log, from texts and bytes; of a list's log where he names none.
//
// Throws a TypeError where something cannot be used.
export function readLogPolicy({ keys = [], witnesses = [], quorum, kept, goesOn }, list) {
  try {
    const policy = {
      isAsked: keys.length > 0,
      keys: keys.map((text) => readNoteKey(text)),
      witnesses: witnesses.map((text) => readNoteKey(text, { isWitness: true })),
      quorum: quorum ?? (witnesses.length ? 1 : 0),
      kept: kept && readCheckpoint(decodedNote(kept)), goesOn: goesOn && readGoesOn(goesOn),
    };
    if (!keys.length && (witnesses.length || quorum || kept)) throw new TypeError("witnesses and a kept checkpoint say nothing without the log's key");
    if (!(policy.quorum >= 0) || policy.quorum > policy.witnesses.length) throw new TypeError("more witnesses are asked for than named");
    if (policy.kept) checkKeptIsSigned(policy);
    return withListed(policy, list?.log);
  } catch (error) {
    if (error instanceof NoteFault) throw new TypeError(`what names the log cannot be used (${error.message})`);
    throw error;
  }
}

function checkKeptIsSigned({ keys, kept }) {
  const key = keys.find(({ name }) => name === kept.origin);
  if (!key) throw new TypeError("a kept checkpoint says nothing without the key of its log");
  checkSignedBy(kept, key);
}

function withListed(policy, listed) {
  if (!listed) return policy;
  const key = readNoteKey(listed.key);
  const isOfIt = policy.keys.length === 1 && policy.keys[0].name === key.name && sameBytes(policy.keys[0].key, key.key);
  if (policy.isAsked && (!isOfIt || policy.witnesses.length)) return policy;
  return { ...policy, keys: [key], witnesses: listed.witnesses.map((text) => readNoteKey(text, { isWitness: true })) };
}

// Where the document stands in the log of the proof: { index, size, origin, isSigned, witnesses, by }, where `by` is when it
// was there at the latest, in milliseconds, or null.
export function checkLogged(document, bytes, policy) {
  const proof = inNote("LOG_INVALID", "the file is no proof of a log", () => readProof(bytes));
  const { index, hashes, checkpoint } = proof;
  need(isIncluded(logLeaf(attestationEntry(document)), index, checkpoint.size, hashes, checkpoint.root), "LOG_INVALID", "the proof is of another document, or wrong");
  const key = policy.keys.find(({ name }) => name === checkpoint.origin);
  need(key || !policy.keys.length, "LOG_UNTRUSTED", "it is not in the log that was named");
  const times = !key ? [] : inNote("LOG_UNTRUSTED", "", () => {
    checkSignedBy(checkpoint, key);
    return policy.witnesses.map((one) => [one.name, signedAt(checkpoint.note, one)]).filter(([, time]) => time !== null);
  });
  need(!key || times.length >= policy.quorum, "LOG_UNWITNESSED", `${times.length} of ${policy.quorum} witnesses cosigned`);
  if (policy.kept) checkKept(checkpoint, policy);
  const sorted = times.map(([, time]) => time).sort((a, b) => a - b);
  const by = sorted.length ? sorted[Math.max(policy.quorum, 1) - 1] * 1000 : null;
  return { index, size: checkpoint.size, origin: checkpoint.origin, isSigned: Boolean(key), witnesses: times.map(([name]) => name), by };
}

export function loggedInWords({ index, size, origin, isSigned, witnesses, by }) {
  const place = `entry ${index} of ${size} of the log ${origin}`;
  if (!isSigned) return ["warn", `${place}, whose key you did not name: anybody could have made it`];
  const vouched = witnesses.length ? `, cosigned by ${witnesses.join(" and ")}` : "";
  return `${place}${vouched}${by === null ? "" : `, there by ${new Date(by).toISOString().replace(".000Z", "Z")}`}`;
}

function inNote(code, what, look) {
  try {
    return look();
  } catch (error) {
    if (error instanceof NoteFault) throw new Refusal(code, what ? `${what} (${error.message})` : error.message);
    throw error;
  }
}

// What the log holds of a document: all of it follows from the document, signatures included.
function attestationEntry(document) {
  const trial = document.evidence?.trial;
  return utf8(canonical({
    entry: "attestation", entry_version: "1.0", program: digestOf({ program: document.model_info.model_id }),
    attestation_hash: document.attestation_hash, document_digest: digestOf(document), ...(trial ? { trial_id: trial.trial_id } : {}),
  }));
}

function readProof(bytes) {
  const [lines, checkpoint] = splitProof(bytes);
  noteNeed(lines.shift() === PROOF_HEADER, `it does not begin with ${PROOF_HEADER}`);
  if (lines[0]?.startsWith("extra ")) fromBase64(lines.shift().slice(6));
  return { index: numberAfter(lines.shift() ?? "", "index "), hashes: hashesOf(lines), checkpoint };
}

function readGoesOn(bytes) {
  const [lines, checkpoint] = splitProof(bytes);
  return { old: numberAfter(lines.shift(), "old "), hashes: hashesOf(lines), checkpoint };
}

function splitProof(bytes) {
  const whole = decodedNote(bytes, MOST_PROOF_BYTES);
  const at = whole.indexOf("\n\n");
  noteNeed(at >= 0, "there is no checkpoint in it");
  const head = whole.slice(0, at);
  // eslint-disable-next-line no-control-regex -- ASCII is meant
  noteNeed(/^[\u0000-\u007f]*$/.test(head), "something before the checkpoint is not ASCII");
  const rest = whole.slice(at + 2);
  noteNeed(utf8(rest).length <= MOST_PROOF_BYTES / 2, "the checkpoint is too long");
  return [head.split("\n"), readCheckpoint(rest)];
}

function numberAfter(line, word) {
  noteNeed(line.startsWith(word), `a line does not say \`${word}\` and a number`);
  return smallNumber(line.slice(word.length));
}

function hashesOf(lines) {
  const hashes = lines.map(fromBase64);
  noteNeed(hashes.length <= MOST_HASHES && hashes.every((hash) => hash.length === 32), "it has too many hashes, or one that is no SHA-256");
  return hashes;
}

// Walks up from a leaf: `left` where the hash stands left of what is known, `right` where it stands right of it.
function climb(at, end, hashes, left, right) {
  let [node, last] = [BigInt(at), BigInt(end)];
  for (const hash of hashes) {
    if (last === 0n) return false;
    if (node & 1n || node === last) {
      left(hash);
      while (!(node & 1n) && node) [node, last] = [node >> 1n, last >> 1n];
    } else right(hash);
    [node, last] = [node >> 1n, last >> 1n];
  }
  return last === 0n;
}

export function isIncluded(leaf, index, size, hashes, root) {
  if (index >= size) return false;
  let found = leaf;
  const isWhole = climb(index, size - 1, hashes, (hash) => (found = logNode(hash, found)), (hash) => (found = logNode(found, hash)));
  return isWhole && sameBytes(found, root);
}

export function isConsistent(old, oldRoot, size, root, hashes) {
  if (old === 0) return !hashes.length && sameBytes(oldRoot, sha256(new Uint8Array()));
  if (old === size) return !hashes.length && sameBytes(oldRoot, root);
  if (old > size || !hashes.length) return false;
  let [node, last] = [BigInt(old - 1), BigInt(size - 1)];
  while (node & 1n) [node, last] = [node >> 1n, last >> 1n];
  const rest = [...hashes];
  const first = node ? rest.shift() : oldRoot;
  let [before, after] = [first, first];
  const isWhole = climb(node, last, rest, (hash) => ([before, after] = [logNode(hash, before), logNode(hash, after)]), (hash) => (after = logNode(after, hash)));
  return isWhole && sameBytes(before, oldRoot) && sameBytes(after, root);
}

// The log of the proof goes on from the one that was kept, or the other way round.
function checkKept(now, { kept, goesOn }) {
  const [older, newer] = now.size < kept.size ? [now, kept] : [kept, now];
  need(older.origin === newer.origin, "LOG_FORKED", "the checkpoint that you kept is of another log");
  if (older.size === newer.size) {
    need(sameBytes(older.root, newer.root), "LOG_FORKED", "the log has another root of that size than you have seen");
    return;
  }
  if (older.size === 0) return;
  need(goesOn, "LOG_FORKED", `nothing shows that the log of ${newer.size} goes on from that of ${older.size}`);
  const { checkpoint } = goesOn;
  const isOfThem = goesOn.old === older.size && checkpoint.origin === newer.origin && checkpoint.size === newer.size && sameBytes(checkpoint.root, newer.root);
  need(isOfThem && isConsistent(older.size, older.root, newer.size, newer.root, goesOn.hashes), "LOG_FORKED", "the log does not go on from what you have seen");
}
