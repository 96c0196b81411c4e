// Signed notes and checkpoints of logs (c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature).
import { isEd25519 } from "./ed25519.mjs";
import { joined, sha256, utf8 } from "./hashes.mjs";

const [OF_LOG, OF_WITNESS] = [1, 4];
const MOST_NOTE_BYTES = 64 * 1024;
const MOST_SIGNATURES = 100;
const LATEST_SECOND = 253_402_300_799;
const NOTE_NAME = /^[^+\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/;
const SMALL_NUMBER = /^(?:0|[1-9][0-9]{0,14})$/;

// What is no note, key or proof, and why.
export class NoteFault extends Error {}

export function noteNeed(holds, why) {
  if (!holds) throw new NoteFault(why);
}

export function fromBase64(text) {
  let binary = null;
  try {
    binary = atob(text);
  } catch {
    throw new NoteFault("something is no base64");
  }
  noteNeed(btoa(binary) === text, "something is no base64");
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

export function smallNumber(text) {
  noteNeed(SMALL_NUMBER.test(text), "a number is missing, or too large");
  return Number(text);
}

export const sameBytes = (left, right) => left.length === right.length && left.every((byte, i) => byte === right[i]);

export function decodedNote(bytes, most = MOST_NOTE_BYTES) {
  noteNeed(bytes.length <= most, `it has more than ${most} bytes`);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new NoteFault("it is not UTF-8");
  }
}

// `name+hexadecimal id+base64 of type and key`.
export function readNoteKey(text, { isWitness = false } = {}) {
  const [, name, digits, encoded] = /^([^+]*)\+([^+]*)\+(.*)$/s.exec(text.trim()) ?? [];
  noteNeed(encoded !== undefined && NOTE_NAME.test(name), "a key looks like name+hexadecimal id+base64");
  const data = fromBase64(encoded);
  noteNeed(data.length === 33 && data[0] === (isWitness ? OF_WITNESS : OF_LOG), `it is no key of a ${isWitness ? "witness" : "log"} that is of Ed25519`);
  const id = sha256(joined(utf8(`${name}\n`), data)).slice(0, 4);
  noteNeed(Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join("") === digits, `the id of the key ${name} is another`);
  return { name, id, isWitness, key: data.slice(1) };
}

export function readNote(whole) {
  // eslint-disable-next-line no-control-regex -- that is what is looked for
  noteNeed(!/[\u0000-\u0009\u000b-\u001f]/.test(whole), "it has control characters");
  const at = whole.lastIndexOf("\n\n");
  noteNeed(at >= 0 && whole.endsWith("\n") && at + 2 < whole.length, "there is no text with signatures below it");
  const lines = whole.slice(at + 2, -1).split("\n");
  noteNeed(lines.length <= MOST_SIGNATURES, `it has more than ${MOST_SIGNATURES} signatures`);
  return { text: whole.slice(0, at + 1), signatures: lines.map(signatureLine) };
}

function signatureLine(line) {
  const [, name, encoded] = /^— (.*?) (.*)$/s.exec(line) ?? [];
  noteNeed(encoded !== undefined && NOTE_NAME.test(name), "a line below the text is no signature");
  const data = fromBase64(encoded);
  noteNeed(data.length > 4, "a line below the text is no signature");
  return { name, id: data.slice(0, 4), signature: data.slice(4) };
}

// When the key signed, in seconds since 1970, as it says; 0 for a log's own, null where it has not.
export function signedAt({ text, signatures }, key) {
  const times = signatures.filter(({ name, id }) => name === key.name && sameBytes(id, key.id)).map(({ signature }) => {
    if (!key.isWitness) {
      noteNeed(isEd25519(key.key, utf8(text), signature), `the signature is not by ${key.name}, as it says`);
      return 0;
    }
    const time = signature.slice(0, 8).reduce((value, byte) => value * 256 + byte, 0);
    const isFit = signature.length === 72 && time <= LATEST_SECOND;
    noteNeed(isFit && isEd25519(key.key, utf8(`cosignature/v1\ntime ${time}\n${text}`), signature.slice(8)), `the signature is not by ${key.name}, as it says`);
    return time;
  });
  return times.length ? Math.min(...times) : null;
}

export function readCheckpoint(whole) {
  const note = readNote(whole);
  const [origin, size, root] = note.text.split("\n");
  noteNeed(origin && SMALL_NUMBER.test(size ?? ""), "the text is no checkpoint: the log's name, its size and its root");
  const hash = fromBase64(root ?? "");
  noteNeed(hash.length === 32, "the text is no checkpoint: the log's name, its size and its root");
  return { origin, size: Number(size), root: hash, note };
}

export function checkSignedBy(checkpoint, key) {
  noteNeed(checkpoint.origin === key.name, `it is of the log ${checkpoint.origin}, and not of ${key.name}`);
  noteNeed(signedAt(checkpoint.note, key) !== null, `${key.name} has not signed the checkpoint`);
}
