// Checks an attestation, proofs and a recompute bundle, with Node (20 or later) and nothing else; made by
// `python -m dev.verifier` from dev/verifier, as the page verify.html is.
//
//   node verify.js [--signer 0x…]... [--bundle FILE] ATTESTATION_FILE [PROOF_FILE]...
//
// Exit status 0: all that is printed holds. 1: something does not. 2: wrong usage.
"use strict";

// ==== hashes.mjs
// SHA-256 (FIPS 180-4) and Keccak-256, as Ethereum uses it: of bytes, as bytes.

const WORDS = 0x100000000;

const utf8 = (text) => new TextEncoder().encode(text);
const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function fromHex(text) {
  const digits = text.replace(/^0x/, "");
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

function joined(...parts) {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

// The first 32 bits of the fractions of the square and cube roots of the first primes, as the standard defines them.
function rootFractions(power, count) {
  const fractions = [];
  for (let prime = 2; fractions.length < count; prime++) {
    if (Array.from({ length: prime - 2 }, (_, i) => i + 2).some((factor) => prime % factor === 0)) continue;
    const scaled = BigInt(prime) << BigInt(32 * power);
    let root = BigInt(Math.floor(prime ** (1 / power) * WORDS)) - 2n;
    while ((root + 1n) ** BigInt(power) <= scaled) root += 1n;
    fractions.push(Number(root & 0xffffffffn));
  }
  return Uint32Array.from(fractions);
}

const SHA_START = rootFractions(2, 8);
const SHA_ROUNDS = rootFractions(3, 64);

function sha256(bytes) {
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor((bytes.length * 8) / WORDS));
  view.setUint32(padded.length - 4, bytes.length * 8);
  const state = Uint32Array.from(SHA_START);
  const w = new Uint32Array(64);
  const turn = (x, n) => (x >>> n) | (x << (32 - n));
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(block + 4 * i);
    for (let i = 16; i < 64; i++) {
      const near = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ (w[i - 15] >>> 3);
      const far = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ (w[i - 2] >>> 10);
      w[i] = w[i - 16] + near + w[i - 7] + far;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + SHA_ROUNDS[i] + w[i]) | 0;
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => (state[i] += word));
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, i) => digest.setUint32(4 * i, word));
  return new Uint8Array(digest.buffer);
}

// Keccak-f[1600] in 25 lanes of 64 bits, each as two words, the lower one first.
const RATE = 136;
const ROUNDS = roundConstants();
const { TURNS, TARGETS } = pathOfLanes();

// Bits of a linear feedback shift register, x^8 + x^6 + x^5 + x^4 + 1, at the places 2^j - 1.
function roundConstants() {
  const constants = new Uint32Array(48);
  let register = 1;
  for (let round = 0; round < 24; round++) {
    for (let j = 0; j < 7; j++) {
      const place = 2 ** j - 1;
      if (register & 1) constants[2 * round + (place >= 32 ? 1 : 0)] ^= 1 << (place % 32);
      register = (register << 1) ^ (register & 0x80 ? 0x171 : 0);
    }
  }
  return constants;
}

// Steps rho and pi: how far each lane on the path is turned, and where it goes.
function pathOfLanes() {
  const path = { TURNS: [], TARGETS: [] };
  let [x, y] = [1, 0];
  for (let t = 0; t < 24; t++) {
    [x, y] = [y, (2 * x + 3 * y) % 5];
    path.TURNS.push((((t + 1) * (t + 2)) / 2) % 64);
    path.TARGETS.push(x + 5 * y);
  }
  return path;
}

function permute(lanes) {
  const sums = new Uint32Array(10);
  const row = new Uint32Array(10);
  for (let round = 0; round < 24; round++) {
    for (let i = 0; i < 10; i++) sums[i] = lanes[i] ^ lanes[10 + i] ^ lanes[20 + i] ^ lanes[30 + i] ^ lanes[40 + i];
    for (let x = 0; x < 5; x++) { // theta
      const [low, high] = [sums[(2 * x + 2) % 10], sums[(2 * x + 3) % 10]];
      const lower = sums[(2 * x + 8) % 10] ^ ((low << 1) | (high >>> 31));
      const upper = sums[(2 * x + 9) % 10] ^ ((high << 1) | (low >>> 31));
      for (let y = 0; y < 50; y += 10) {
        lanes[y + 2 * x] ^= lower;
        lanes[y + 2 * x + 1] ^= upper;
      }
    }
    let [low, high] = [lanes[2], lanes[3]];
    for (let t = 0; t < 24; t++) { // rho and pi
      const [n, at] = [TURNS[t] % 32, 2 * TARGETS[t]];
      if (TURNS[t] >= 32) [low, high] = [high, low];
      if (n) [low, high] = [(low << n) | (high >>> (32 - n)), (high << n) | (low >>> (32 - n))];
      const next = [lanes[at], lanes[at + 1]];
      [lanes[at], lanes[at + 1]] = [low, high];
      [low, high] = next;
    }
    for (let y = 0; y < 50; y += 10) { // chi
      for (let i = 0; i < 10; i++) row[i] = lanes[y + i];
      for (let i = 0; i < 10; i++) lanes[y + i] = row[i] ^ (~row[(i + 2) % 10] & row[(i + 4) % 10]);
    }
    lanes[0] ^= ROUNDS[2 * round]; // iota
    lanes[1] ^= ROUNDS[2 * round + 1];
  }
}

function keccak256(bytes) {
  const padded = new Uint8Array((Math.floor(bytes.length / RATE) + 1) * RATE);
  padded.set(bytes);
  padded[bytes.length] |= 0x01;
  padded[padded.length - 1] |= 0x80;
  const view = new DataView(padded.buffer);
  const lanes = new Uint32Array(50);
  for (let block = 0; block < padded.length; block += RATE) {
    for (let i = 0; i < RATE / 4; i++) lanes[i] ^= view.getUint32(block + 4 * i, true);
    permute(lanes);
  }
  const digest = new DataView(new ArrayBuffer(32));
  for (let i = 0; i < 8; i++) digest.setUint32(4 * i, lanes[i], true);
  return new Uint8Array(digest.buffer);
}

// ==== refusal.mjs
// What is refused, and why: a stable code and a sentence.

class Refusal extends Error {
  constructor(code, detail) {
    super(detail);
    this.code = code;
  }
}

function need(holds, code, detail) {
  if (!holds) throw new Refusal(code, detail);
}

const MILLION = 1_000_000;
const e6 = (value) => Math.round(value * MILLION);
const sum = (values) => values.reduce((all, value) => all + value, 0);
const points = (millionths) => `${Number((millionths / 10_000).toPrecision(12))} points`;

// A ratio of big integers as a whole number, halves to the even one.
function roundedRatio(numerator, denominator) {
  let [quotient, rest] = [numerator / denominator, numerator % denominator];
  if (rest < 0n) [quotient, rest] = [quotient - 1n, rest + denominator];
  const up = 2n * rest > denominator || (2n * rest === denominator && quotient % 2n !== 0n);
  return Number(up ? quotient + 1n : quotient);
}

// ==== json.mjs
// JSON that can be read in one way only, and its canonical form (RFC 8785).

const MOST_BYTES = 4 * 2 ** 20;
const MOST_LEVELS = 16;
const MOST_KEYS = 1000;
const MOST_DIGITS = 25;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const SPACE = /[ \t\n\r]*/y;

// For each object or list, the keys of numbers that were written with a point or an exponent: 1.0 is no whole number.
const fractions = new WeakMap();
const isWhole = (container, key) => Number.isInteger(container[key]) && !fractions.get(container)?.has(key);

function readJson(bytes, { most = MOST_BYTES } = {}) {
  need(bytes.length <= most, "TOO_LARGE", `${bytes.length} bytes are more than ${most}`);
  const text = decoded(bytes);
  need(levels(text) <= MOST_LEVELS, "TOO_DEEP", `nested more than ${MOST_LEVELS} deep`);
  return new Reader(text).whole();
}

function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refusal("NOT_UTF8", "the bytes are not UTF-8");
  }
}

function levels(text) {
  let [depth, deepest, inString] = [0, 0, false];
  for (let i = 0; i < text.length && deepest <= MOST_LEVELS; i++) {
    const character = text[i];
    if (inString) {
      if (character === "\\") i++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "{" || character === "[") deepest = Math.max(deepest, ++depth);
    else if (character === "}" || character === "]") depth--;
  }
  return deepest;
}

// Reads from left to right, so that the first fault is the one that is named.
class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  whole() {
    const holder = [];
    this.put(holder, 0);
    need(this.at === this.text.length, "NOT_JSON", `something follows at character ${this.at}`);
    return holder[0];
  }

  take(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found;
  }

  // A token and the white space after it.
  is(token) {
    const found = this.text.startsWith(token, this.at);
    if (found) {
      this.at += token.length;
      this.take(SPACE);
    }
    return found;
  }

  // The next value, into its place.
  put(container, key) {
    this.take(SPACE);
    const value = this.value(container, key);
    Object.defineProperty(container, key, { value, enumerable: true, configurable: true, writable: true });
    this.take(SPACE);
  }

  value(container, key) {
    if (this.is("{")) return this.object();
    if (this.is("[")) return this.list();
    if (this.text[this.at] === '"') return this.string();
    for (const [token, value] of [["true", true], ["false", false], ["null", null]]) if (this.is(token)) return value;
    for (const token of ["NaN", "Infinity", "-Infinity"]) need(!this.is(token), "BAD_NUMBER", `${token} is not a JSON number`);
    return this.number(container, key);
  }

  object() {
    const result = {};
    let count = 0;
    if (!this.is("}")) {
      do {
        const key = this.string();
        this.take(SPACE);
        need(this.is(":"), "NOT_JSON", `a colon is missing at character ${this.at}`);
        this.put(result, key);
        count++;
      } while (this.is(","));
      need(this.is("}"), "NOT_JSON", `an object does not end at character ${this.at}`);
    }
    need(count <= MOST_KEYS, "TOO_LARGE", `an object has more than ${MOST_KEYS} keys`);
    need(Object.keys(result).length === count, "DUPLICATE_KEY", "an object has the same key twice");
    return result;
  }

  list() {
    const result = [];
    if (this.is("]")) return result;
    do this.put(result, result.length);
    while (this.is(","));
    need(this.is("]"), "NOT_JSON", `a list does not end at character ${this.at}`);
    return result;
  }

  string() {
    const found = this.take(STRING);
    need(found, "NOT_JSON", `a text is missing, or does not end, at character ${this.at}`);
    return JSON.parse(found[0]);
  }

  number(container, key) {
    const found = this.take(NUMBER);
    need(found, "NOT_JSON", `no value at character ${this.at}`);
    const [text, point, exponent] = found;
    const [value, fraction] = [Number(text), point !== undefined || exponent !== undefined];
    const exact = fraction ? Number.isFinite(value) && text.length <= MOST_DIGITS : Number.isSafeInteger(value) && text !== "-0";
    need(exact, "BAD_NUMBER", `${text.slice(0, 40)} is out of range, too long, or a negative zero`);
    if (fraction) fractions.set(container, (fractions.get(container) ?? new Set()).add(key));
    return value;
  }
}

// RFC 8785 takes numbers and strings as ECMAScript writes them, and sorts keys by UTF-16 code units.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

const digestOf = (value) => toHex(sha256(utf8(canonical(value))));

function without(object, ...names) {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

// ==== secp256k1.mjs
// Who signed: recovery of the key of an ECDSA signature over secp256k1 (SEC 1, 4.1.6), and Ethereum's addresses.
// There is no secret in it, so that it need not take the same time for all numbers.

const PRIME = 2n ** 256n - 2n ** 32n - 977n;
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const BASE = [
  0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
  0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n,
  1n,
];
const NOWHERE = [0n, 1n, 0n]; // the point at infinity: Z is 0

const mod = (value, modulus = PRIME) => ((value % modulus) + modulus) % modulus;

function power(base, exponent) {
  let [result, square] = [1n, base];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % PRIME;
    square = (square * square) % PRIME;
  }
  return result;
}

function inverse(value, modulus) {
  let [a, b, x, y] = [mod(value, modulus), modulus, 1n, 0n];
  while (b) [a, b, x, y] = [b, a % b, y, x - (a / b) * y];
  return mod(x, modulus);
}

// Points are (X, Y, Z) with x = X / Z^2 and y = Y / Z^3, on y^2 = x^3 + 7.
function doubled([x, y, z]) {
  const square = (y * y) % PRIME;
  const across = (4n * x * square) % PRIME;
  const slope = (3n * x * x) % PRIME;
  const to = mod(slope * slope - 2n * across);
  return [to, mod(slope * (across - to) - 8n * square * square), (2n * y * z) % PRIME];
}

function added(p, q) {
  if (!p[2]) return q;
  if (!q[2]) return p;
  const [pz, qz] = [(p[2] * p[2]) % PRIME, (q[2] * q[2]) % PRIME];
  const [x, y] = [(p[0] * qz) % PRIME, (p[1] * qz * q[2]) % PRIME];
  const wide = mod(q[0] * pz - x);
  const high = mod(q[1] * pz * p[2] - y);
  if (!wide) return high ? NOWHERE : doubled(p);
  const square = (wide * wide) % PRIME;
  const [cube, middle] = [(square * wide) % PRIME, (x * square) % PRIME];
  const to = mod(high * high - cube - 2n * middle);
  return [to, mod(high * (middle - to) - y * cube), (wide * p[2] * q[2]) % PRIME];
}

// k BASE + l point, both at once.
function combined(k, l, point) {
  const sums = [NOWHERE, BASE, point, added(BASE, point)];
  let result = NOWHERE;
  for (let bit = 255n; bit >= 0n; bit--) {
    result = result[2] ? doubled(result) : result;
    result = added(result, sums[Number(((k >> bit) & 1n) | (((l >> bit) & 1n) << 1n))]);
  }
  return result;
}

// The address whose key signed a digest of 32 bytes; a signature is r, s, v: low s (EIP-2), v 27 or 28.
function recoverAddress(digest, signature) {
  const [r, s] = [signature.slice(0, 32), signature.slice(32, 64)].map((half) => BigInt(`0x${toHex(half)}`));
  const v = signature[64];
  need(signature.length === 65 && (v === 27 || v === 28) && s > 0n && s <= ORDER / 2n && r > 0n && r < ORDER,
    "SIGNATURE_INVALID", "a signature is not in its canonical form (65 bytes, v 27 or 28, low s)");
  const square = mod(r ** 3n + 7n);
  const root = power(square, (PRIME + 1n) / 4n);
  need((root * root) % PRIME === square, "SIGNATURE_INVALID", "no key can have made this signature");
  const y = (root & 1n) === BigInt(v - 27) ? root : PRIME - root;
  const of = inverse(r, ORDER);
  const hash = BigInt(`0x${toHex(digest)}`);
  const [kx, ky, kz] = combined(mod(-hash * of, ORDER), mod(s * of, ORDER), [r, y, 1n]);
  need(kz, "SIGNATURE_INVALID", "no key can have made this signature");
  const flat = inverse(kz, PRIME);
  const key = [mod(kx * flat ** 2n), mod(ky * flat ** 3n)].map((part) => part.toString(16).padStart(64, "0"));
  return checksummed(toHex(keccak256(fromHex(key.join(""))).slice(12)));
}

// EIP-55: a letter is upper-case where the digit of the hash at its place is 8 or more.
function checksummed(digits) {
  const hash = toHex(keccak256(utf8(digits)));
  return `0x${Array.from(digits, (digit, i) => (hash[i] >= "8" ? digit.toUpperCase() : digit)).join("")}`;
}

const ZERO_ADDRESS = `0x${"0".repeat(40)}`;

// The EIP-55 form of an address; null if it is none that anybody can own, or fails its own checksum.
function addressOf(text) {
  if (typeof text !== "string" || !/^0x[0-9a-fA-F]{40}$/.test(text) || text === ZERO_ADDRESS) return null;
  const digits = text.slice(2);
  const right = checksummed(digits.toLowerCase());
  return [digits.toLowerCase(), digits.toUpperCase(), right.slice(2)].includes(digits) ? right : null;
}

// ==== form.mjs
// The form of a document, field by field: what docs/schemas/attestation.schema.json says, and what it cannot say.

const BEYOND = 2 ** 53;
const UNFIT = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/u;
// Counted as letters or marks, and seen by nobody: fillers, joiners, variation selectors, the blank of Braille.
const UNSEEN = /[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\u{e0100}-\u{e01ef}]/u;
const MOMENT = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d{3})?Z$/;

// A form is a function of a container and a key that says whether the value there has it.
const of = (holds) => (container, key) => holds(container[key]);
const matching = (pattern) => of((value) => typeof value === "string" && pattern.test(value));
const oneOf = (...values) => of((value) => values.includes(value));
const orNull = (form) => (container, key) => container[key] === null || form(container, key);
const whole = (least, most) => (container, key) => isWhole(container, key) && container[key] >= least && container[key] <= most;
const flag = of((value) => typeof value === "boolean");
const count = whole(0, BEYOND - 1);
const positive = whole(1, BEYOND - 1);
const millionths = whole(-MILLION, MILLION);
const digest = matching(/^[0-9a-f]{64}$/);
const moment = of(isMoment);
const address = of((value) => addressOf(value) === value);
const isDigest = (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
const text = of((value) => typeof value === "string" && value !== "" && [...value].length <= 200 &&
  value.trim() === value && value.normalize("NFC") === value && !UNFIT.test(value) && !UNSEEN.test(value));

// Numbers that are not whole are k / 10^6.
const number = (least, most) => of((value) =>
  typeof value === "number" && value >= least && value <= most && Math.abs(value) <= 1e9 && e6(value) / MILLION === value);
const metrics = of((value) => isObject(value) && Object.keys(value).length <= 100 &&
  Object.keys(value).every((name) => text([name], 0) && number(-1e9, 1e9)(value, name)));

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

// "field?" may be left out; nothing else may stand there.
function section(fields) {
  const forms = new Map(Object.entries(fields).map(([name, form]) => [name.replace("?", ""), form]));
  const must = Object.keys(fields).filter((name) => !name.endsWith("?"));
  return (container, key) => {
    const value = container[key];
    if (!isObject(value)) throw new Refusal("BAD_SCHEMA", `${key} is no object`);
    for (const name of must) need(Object.hasOwn(value, name), "BAD_SCHEMA", `${key} lacks ${name}`);
    for (const name of Object.keys(value)) {
      need(forms.has(name), "BAD_SCHEMA", `${key} has a field that is unknown`);
      need(forms.get(name)(value, name), "BAD_SCHEMA", `${key}.${name} has another form`);
    }
    return true;
  };
}

const listOf = (form, least, most) => of((value) => Array.isArray(value) && value.length >= least && value.length <= most &&
  value.every((_, i) => form(value, i)));

const span = section({ start: moment, end: moment });
const signature = section({ type: oneOf("eip712"), signer: address, signature: matching(/^0x[0-9a-f]{130}$/) });
const shared = {
  verdict: oneOf("promote"), claim: oneOf("significant", "proven"), metric: text, delta_e6: millionths, ci_low_e6: millionths,
  ci_high_e6: millionths, p_value_e6: whole(0, MILLION), confidence_e6: whole(MILLION / 2 + 1, MILLION),
  threshold_e6: whole(1, MILLION - 1),
};
const EVIDENCE = {
  offline: section({
    kind: oneOf("offline"), ...shared, test: oneOf("mcnemar_exact", "sign_flip", "sign", "betting_mixture", "off_policy_t"),
    interval: oneOf("bonett_price", "bca_unseen", "unseen", "bca", "degenerate", "confidence_sequence", "off_policy_unseen"),
    n: positive, n_groups: positive, wins: count, losses: count, ties: count, "metric_version?": whole(2, Infinity),
    "trial?": section({
      trial_id: digest, number: positive, windows: positive, opened: span, level_e6: whole(1, MILLION - 1), "relatives?": positive,
    }),
    "scores_digest?": digest, "compared?": oneOf("agreement", "reference", "outcome"),
  }),
  online: section({
    kind: oneOf("online"), ...shared, test: oneOf("fisher_exact", "permutation", "delta_method"),
    interval: oneOf("newcombe", "delta_method_unseen"), n_baseline: positive, n_optimized: positive,
    keys_baseline: positive, keys_optimized: positive, missing_baseline: count, missing_optimized: count, observed: span,
    "weeks?": positive, "missing_are?": oneOf("bounds", "at_random", "zero_after_maturity"), "scores_digest?": digest,
  }),
};
const evidence = (container, key) => Object.hasOwn(EVIDENCE, container[key]?.kind) && EVIDENCE[container[key].kind](container, key);

const DOCUMENT = section({
  schema_version: oneOf("1.0"),
  attestation_type: oneOf("teleprompt_optimization"),
  attestation_id: matching(/^[0-9a-f]{12}$/),
  timestamp: moment,
  model_info: section({ model_id: text, baseline_version: text, optimized_version: text, optimization_strategy: text }),
  performance: section({
    deltaone_achieved: flag, performance_delta: number(-1e9, 1e9), baseline_metrics: metrics, optimized_metrics: metrics,
  }),
  optimization_metadata: section({
    trace_count: count, optimization_time_seconds: number(0, 1e9), outcome_metric: text, date_range: span,
  }),
  contributors: listOf(section({
    contributor_id: text, address: orNull(address), weight: number(0, 1), trace_count: count,
    "quarantine?": oneOf("no_address", "address_conflict"),
    "used?": section({ train: count, select: count, gate: count, demos: count }),
    "value_e6?": whole(1 - BEYOND, BEYOND - 1), "error_e6?": count,
  }), 1, 10_000),
  attestation_hash: digest,
  "weighting_method?": text,
  "evidence?": evidence,
  "data?": section({ snapshot_digest: digest, split_digest: digest, "traces_root?": digest, "traces_count?": count }),
  "program?": section({ baseline_digest: digest, optimized_digest: digest, code_digest: digest }),
  "credit?": section({ "cap_e6?": whole(1, MILLION), unpayable: oneOf("hold_back", "share") }),
  "proof?": (container, key) =>
    Array.isArray(container[key]) ? listOf(signature, 2, 20)(container, key) : signature(container, key),
});

const checkForm = (document) => DOCUMENT({ document }, "document");

const TRUST_LIST = section({
  list_type: oneOf("teleprompt_signers"), signers_version: oneOf("1.0"), number: positive, published_at: moment,
  signers: listOf(section({
    address, valid_from: moment, "valid_until?": moment,
    "revoked?": section({ at: moment, why: text, documents: listOf(digest, 0, 10_000) }),
  }), 0, 1_000),
  revoked_documents: listOf(section({ attestation_hash: digest, at: moment, why: text }), 0, 10_000),
  "proof?": listOf(signature, 0, 20),
  "log?": section({ key: matching(/^.{1,400}$/su), witnesses: listOf(matching(/^.{1,400}$/su), 0, 20) }),
});

const checkListForm = (list) => TRUST_LIST({ list }, "list");

// Times are UTC, to the second or the thousandth, on a day that the calendar has.
function isMoment(value) {
  const [, year, month, day, hour, minute, second] = (typeof value === "string" && MOMENT.exec(value)) || [];
  if (year === undefined || year === "0000" || hour > 23 || minute > 59 || second > 59) return false;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), month - 1, Number(day));
  return month >= 1 && date.getUTCMonth() === month - 1 && date.getUTCDate() === Number(day);
}

const time = (moment) => Date.parse(moment);

// ==== statistics.mjs
// Exact tests and intervals from counts, in double precision.

// Up to here what rounding to a millionth leaves open; double precision may lie a thousandth of that beside it.
const SLACK = 1e-3;
const isRounded = (value, stated) => Math.abs(value * MILLION - stated) <= 0.5 + SLACK;

const logFactorials = [0];
function logFactorial(n) {
  if (n >= 4096) { // Stirling's series
    return (n + 0.5) * Math.log(n) - n + Math.log(2 * Math.PI) / 2 + 1 / (12 * n) - 1 / (360 * n ** 3);
  }
  for (let i = logFactorials.length; i <= n; i++) logFactorials.push(logFactorials[i - 1] + Math.log(i));
  return logFactorials[n];
}

const logWays = (n, k) => logFactorial(n) - logFactorial(k) - logFactorial(n - k);

// Two-sided: were the discordant pairs a fair coin's (McNemar 1947, binomial form).
function mcNemar(wins, losses) {
  let [term, tail] = [-(wins + losses) * Math.LN2, 0]; // logarithms: of many pairs each outcome is too rare for a number
  for (let k = 0; k <= Math.min(wins, losses); k++) {
    tail += Math.exp(term);
    term += Math.log(wins + losses - k) - Math.log(k + 1);
  }
  return Math.min(1, 2 * tail);
}

const signTest = (groups) => Math.min(1, 2 * 0.5 ** groups);

// The adjusted Wald interval of a difference of paired rates (Bonett and Price 2012).
function bonettPrice(wins, losses, n, alpha) {
  const [up, down] = [(wins + 1) / (n + 2), (losses + 1) / (n + 2)];
  const half = normalQuantile(alpha / 2) * Math.sqrt((up + down - (up - down) ** 2) / (n + 2));
  return [Math.max(-1, up - down - half), Math.min(1, up - down + half)];
}

// The hybrid score interval of a change between two rates, each as [good, of all] (Newcombe 1998, method 10).
function newcombe([good0, n0], [good1, n1], alpha) {
  const z = normalQuantile(alpha / 2);
  const wilson = (p, n) => {
    const half = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
    return [-1, 1].map((sign) => (p + (z * z) / (2 * n) + sign * half) / (1 + (z * z) / n));
  };
  const [p0, p1] = [good0 / n0, good1 / n1];
  const [[low0, high0], [low1, high1]] = [wilson(p0, n0), wilson(p1, n1)];
  return [
    Math.max(-1, p1 - p0 - Math.hypot(p1 - low1, high0 - p0)), Math.min(1, p1 - p0 + Math.hypot(high1 - p1, p0 - low0)),
  ];
}

// Two-sided: all tables with these sums that are no likelier than this one (Fisher 1935), of [good, bad] each.
function fisher([good0, bad0], [good1, bad1]) {
  const [n0, n1, good] = [good0 + bad0, good1 + bad1, good0 + good1];
  const chance = (k) => logWays(n0, k) + logWays(n1, good - k) - logWays(n0 + n1, good);
  const [least, most] = [Math.max(0, good - n1), Math.min(n0, good)];
  // Beyond forty standard deviations of the likeliest table there is nothing to add.
  const middle = (good * n0) / (n0 + n1);
  const reach = 40 * Math.sqrt((middle * (n1 / (n0 + n1)) * (n0 + n1 - good)) / (n0 + n1)) + 40;
  const limit = chance(good0) + 1e-7;
  let p = 0;
  for (let k = Math.max(least, Math.floor(middle - reach)); k <= Math.min(most, middle + reach); k++) {
    if (chance(k) <= limit) p += Math.exp(chance(k));
  }
  return Math.min(1, p);
}

// Whether both ends are those of a formula of the error, which is stated to a millionth; of several formulas, for the
// least and the most that rounded figures may stand for, anywhere between theirs.
function isInterval([low, high], confidence, formulas) {
  const ends = formulas.flatMap((formula) => [-0.5, 0.5].map((half) => formula((MILLION - confidence + half) / MILLION)));
  const holds = (stated, found) =>
    stated >= Math.min(...found) * MILLION - 0.5 - SLACK && stated <= Math.max(...found) * MILLION + 0.5 + SLACK;
  return holds(low, ends.map((end) => end[0])) && holds(high, ends.map((end) => end[1]));
}

// The numbers of ones among n values of 0 or 1 whose mean, rounded, is this many millionths: the least and the most.
const onesBehind = (mean, n) => [
  Math.max(0, Math.ceil(((2 * mean - 1) * n) / (2 * MILLION))), Math.min(n, Math.floor(((2 * mean + 1) * n) / (2 * MILLION))),
];

// Where a mean in [-1, 1] may lie if what so few groups missed is as bad, or as good, as can be: the rule of three in
// its exact form (Hanley and Lippman-Hand 1983). `largest` is the size of the largest group in mean sizes.
function allowingForTheUnseen(mean, groups, alpha, largest = 1) {
  const missed = 1 - (alpha / 2) ** (1 / groups);
  return [-1, 1].map((worst) => ((1 - missed) * mean + worst * missed * largest) / (1 - missed + missed * largest));
}

// The same for a mean in [0, 1], as a distance.
function hidden(mean, keys, alpha) {
  const [low, high] = allowingForTheUnseen(2 * mean - 1, keys, alpha);
  return Math.max(mean - (low + 1) / 2, (high + 1) / 2 - mean);
}

// What a p-value by resampling is at least where the exact one is: six standard errors of the fewest resamples below.
const leastResampled = (exact) => exact - 6 * Math.sqrt(exact / 9_999);
const LEAST_RESAMPLED_E6 = 10;

// How many standard deviations the upper tail of this probability begins at.
function normalQuantile(tail) {
  let [low, high] = [0, 40];
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    [low, high] = upperTail(middle) > tail ? [middle, high] : [low, middle];
  }
  return low;
}

function upperTail(z) {
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z < 3) { // Abramowitz and Stegun 26.2.11
    let [term, total] = [z, z];
    for (let k = 3; k < 120; k += 2) total += term *= (z * z) / k;
    return 0.5 - density * total;
  }
  let fraction = z; // 26.2.14
  for (let k = 200; k >= 1; k--) fraction = z + k / fraction;
  return density / fraction;
}

// The regularised incomplete beta function (DiDonato and Morris 1992, as a continued fraction by Lentz's method).
function betaCdf(a, b, x) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaCdf(b, a, 1 - x);
  const front = Math.exp(logFactorial(a + b - 1) - logFactorial(a - 1) - logFactorial(b - 1) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  let [c, d, value] = [1, 1 / (1 - ((a + b) * x) / (a + 1)), 1 / (1 - ((a + b) * x) / (a + 1))];
  for (let m = 1; m < 10_000; m++) {
    const before = value;
    const terms = [(m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)), (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))];
    for (const term of terms) {
      d = 1 / (1 + term * d);
      c = 1 + term / c;
      value *= c * d;
    }
    if (Math.abs(value - before) < 1e-16 * Math.abs(value)) break;
  }
  return front * value;
}

// Where that function has this value; a and b are whole numbers.
function betaQuantile(a, b, share) {
  let [low, high] = [0, 1];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    [low, high] = betaCdf(a, b, middle) < share ? [middle, high] : [low, middle];
  }
  return low;
}

// ==== betting.mjs
// Bets on bounded differences, and the exact test of a trial's opening window: what they show of scores, and what so
// many wins can have shown at most.

// Shares of the wealth, evenly spaced by their ratio; each has the same weight.
const BETS = Array.from({ length: 14 }, (_, k) => 0.03 * (0.8 / 0.03) ** (k / 13));
const MOST_PAIRS = 1_000;
const CELL = MILLION / 100;

// Natural logarithm of the wealth of bets against a mean of `null_e6`, for [difference in millionths, weight] of each
// cell (Waudby-Smith and Ramdas 2024): a bet is on (x - m) / (1 + m), which is at least -1 wherever m is.
function logWealth(cells, null_e6) {
  const logs = BETS.map((bet) => cells.reduce((log, [difference, weight]) =>
    weight ? log + weight * Math.log1p(bet * ((difference + MILLION) / (MILLION + null_e6) - 1)) : log, 0));
  const most = Math.max(...logs);
  return most + Math.log(logs.reduce((all, log) => all + Math.exp(log - most), 0) / BETS.length);
}

// The smallest mean in millionths, `known` or above, against which the logarithm is below `boundary`.
function lowerBound(cells, boundary, known) {
  let rejected = Math.max(known - 1, 1 - MILLION);
  if (logWealth(cells, rejected + (known > rejected ? 1 : 0)) < boundary) return known;
  const weight = cells.reduce((all, cell) => all + cell[1], 0);
  const mean = cells.reduce((all, cell) => all + (cell[0] + MILLION) * cell[1], 0) / weight;
  let held = Math.min(MILLION, Math.ceil(mean) - MILLION + 1);
  rejected = Math.min(Math.max(known, 1 - MILLION), held - 1);
  while (held - rejected > 1) {
    const middle = Math.floor((held + rejected) / 2);
    if (logWealth(cells, middle) < boundary) held = middle;
    else rejected = middle;
  }
  return held;
}

// The most that bets can have won in the end. The logarithm is concave, so that of all ways to a mean with so many wins,
// equal wins and nothing lost bring most; a difference between two cells lies in both in proportion.
function mostLogWealth({ n_groups: units, wins, delta_e6: delta }, null_e6) {
  const won = Math.min(wins, units);
  const each = Math.min(MILLION, Math.ceil((delta * units) / won));
  const [cell, rest] = [Math.floor(each / CELL) * CELL, (each % CELL) / CELL];
  return logWealth([[cell, (1 - rest) * won], [cell + CELL, rest * won], [0, units - won]], null_e6);
}

// One-sided exact unconditional p-value that wins are no likelier than losses (Suissa and Shuster 1991): the highest
// over the share of pairs that differ. Of many pairs it is McNemar's.
function pOfNoGain(wins, losses, pairs) {
  if (wins <= losses) return 1;
  if (pairs > MOST_PAIRS) return upperHalf(wins, wins + losses);
  const statistic = (wins - losses) / Math.sqrt(wins + losses);
  const asHigh = Array.from({ length: pairs + 1 }, (_, differing) =>
    differing ? upperHalf(Math.ceil((differing + statistic * Math.sqrt(differing)) / 2 - 1e-9), differing) : 0);
  const probability = (angle) => {
    const share = Math.sin(angle) ** 2;
    return asHigh.reduce((all, high, differing) => high ? all + high * Math.exp(logChance(pairs, differing, share)) : all, 0);
  };
  const steps = 8 * Math.ceil(Math.PI * Math.sqrt(pairs));
  const step = Math.PI / 2 / steps;
  const rates = Array.from({ length: steps + 1 }, (_, i) => probability(i * step));
  const top = rates.indexOf(Math.max(...rates));
  const [from, to] = [Math.max(top - 1, 0) * step, Math.min(top + 1, steps) * step];
  const near = Array.from({ length: 33 }, (_, i) => probability(from + ((to - from) * i) / 32));
  return Math.min(1, Math.max(rates[top], ...near) * (1 + 1e-6));
}

// Lower bound of the mean difference: shares of differing pairs, and of wins among them (Clopper and Pearson 1934).
function firstBound(wins, losses, pairs, error) {
  if (!wins) return -1;
  const won = betaQuantile(wins, losses + 1, error * 0.9);
  const differ = betaQuantile(wins + losses, pairs - wins - losses + 1, error * 0.1);
  return won > 0.5 ? differ * (2 * won - 1) : -1;
}

// The p-value that the mean difference is at most `null_e6`, and a lower bound of it in millionths; one error for both.
function firstLook(wins, losses, pairs, { null_e6, error }) {
  const ofNoGain = pOfNoGain(wins, losses, pairs);
  const bound = (at) => Math.floor(firstBound(wins, losses, pairs, at) * MILLION);
  const low = ofNoGain <= error ? Math.max(1, bound(error)) : -MILLION;
  if (null_e6 <= 0) return { p: ofNoGain, low };
  let [least, most] = [0, 1];
  for (let i = 0; i < 50; i++) {
    const middle = (least + most) / 2;
    [least, most] = bound(middle) > null_e6 ? [least, middle] : [middle, most];
  }
  return { p: Math.max(ofNoGain, most), low };
}

// Probability of at least so many wins among pairs that may each go either way.
function upperHalf(wins, differing) {
  if (wins <= 0 || wins > differing) return 0;
  let [term, tail] = [-differing * Math.LN2, 0];
  for (let k = 0; k <= differing - wins; k++) {
    tail += Math.exp(term);
    term += Math.log(differing - k) - Math.log(k + 1);
  }
  return tail;
}

function logChance(pairs, differing, share) {
  const ways = logFactorial(pairs) - logFactorial(differing) - logFactorial(pairs - differing);
  const power = (count, base) => (count ? count * base : 0);
  return ways + power(differing, Math.log(share)) + power(pairs - differing, Math.log1p(-share));
}

// ==== trial.mjs
// A trial: from the scores of its windows to its verdict, in their order; the first crossing decides.

// What the windows show together. An example is [digest, [unit, ...what it shares], score before, score after].
function foldTrial(windows, policy) {
  const scale = commonMultiple(policy.group_cap); // all means of units are whole multiples of 1 / it
  const state = { n: 0, units: 0, total: 0n, cells: new Map(), first: null, most: 0, low: -MILLION, high: MILLION, path: 0, verdict: "inconclusive" };
  const used = [];
  for (const examples of thatCount(windows, policy)) {
    if (state.verdict !== "inconclusive" || state.path === policy.horizon) break;
    if (!examples.length) continue;
    addWindow(state, examples, policy, scale);
    judge(state, policy, scale);
    used.push(...examples);
  }
  return { ...shown(state, policy, scale), ...countsOf(used) };
}

// Each example counts once, in the first window that has it; so does each unit, by its name and all that it shares.
function thatCount(windows, policy) {
  const ordered = windows.map((window) => ({ ...window, start: time(window.start), end: time(window.end) }))
    .sort((one, other) => one.start - other.start || one.end - other.end)
    .filter((window, i, all) => !i || window.start !== all[i - 1].start || window.end !== all[i - 1].end);
  const [traces, units] = [new Set(), new Set()];
  return ordered.map(({ examples }) => {
    const fresh = examples.filter(([trace]) => !traces.has(trace));
    for (const [trace] of fresh) traces.add(trace);
    const returns = ([, names]) => policy.returning === "left_out" && names.some((name) => units.has(name));
    const back = new Set(fresh.filter(returns).map(([, names]) => names[0]));
    for (const [, names] of fresh) for (const name of names) units.add(name);
    return fresh.filter(([, [unit]]) => !back.has(unit));
  });
}

const signOf = ({ direction }) => (direction === "lower" ? -1 : 1);

function addWindow(state, examples, policy, scale) {
  const sums = new Map(); // of each unit's first examples
  for (const [, [unit], before, after] of examples) {
    const [gain, size] = sums.get(unit) ?? [0, 0];
    if (size < policy.group_cap) sums.set(unit, [gain + signOf(policy) * (after - before), size + 1]);
  }
  const [one, width] = [BigInt(MILLION) * scale, BigInt(CELL) * scale];
  const means = [...sums.values()].map(([gain, size]) => BigInt(gain) * (scale / BigInt(size)));
  const used = [...sums.values()].reduce((all, [, size]) => all + size, 0);
  for (const mean of means) {
    const [cell, rest] = [(mean + one) / width, (mean + one) % width];
    state.cells.set(cell, (state.cells.get(cell) ?? 0n) + width - rest);
    if (rest) state.cells.set(cell + 1n, (state.cells.get(cell + 1n) ?? 0n) + rest);
    state.total += mean;
  }
  state.n += used;
  state.units += means.length;
  if (!state.path && policy.first_look_share && used === means.length && means.every((mean) => mean === 0n || mean === one || mean === -one)) {
    const count = (value) => means.filter((mean) => mean === value).length;
    state.first = firstLook(count(one), count(-one), means.length, { null_e6: nullOf(policy), error: policy.level * policy.first_look_share });
  }
}

const nullOf = (policy) => (policy.claim === "proven" ? e6(policy.threshold) - 1 : 0);

function judge(state, policy, scale) {
  const width = Number(BigInt(CELL) * scale);
  const cells = [...state.cells].map(([cell, weight]) => [Number(cell) * CELL - MILLION, Number(weight) / width]);
  const mirrored = cells.map(([difference, weight]) => [-difference, weight]);
  state.most = Math.max(state.most, logWealth(cells, nullOf(policy)));
  state.low = lowerBound(cells, -Math.log(policy.level * (1 - policy.first_look_share)), state.low);
  if (state.first && !state.path) state.low = Math.max(state.low, state.first.low);
  state.high = -lowerBound(mirrored, -Math.log(policy.harm_level), -state.high);
  state.path += 1;
  if (state.low > nullOf(policy) && reaches(state, policy, scale)) state.verdict = "promote";
  else if (state.high < e6(policy.threshold)) state.verdict = "reject";
}

const reaches = ({ total, units }, policy, scale) => total >= BigInt(e6(policy.threshold)) * BigInt(units) * scale;

function shown(state, policy, scale) {
  const low = Math.min(state.low, state.high);
  const delta_e6 = state.units ? roundedRatio(state.total, BigInt(state.units) * scale) : 0;
  let p = Math.exp(-state.most) / (1 - policy.first_look_share);
  if (state.first) p = Math.min(p, state.first.p / policy.first_look_share);
  const claim = low > 0 && reaches(state, policy, scale) ? (low >= e6(policy.threshold) ? "proven" : "significant") : null;
  return {
    verdict: state.verdict, claim, test: "betting_mixture", interval: "confidence_sequence", n: state.n, n_groups: state.units, delta_e6,
    ci_low_e6: low, ci_high_e6: Math.max(state.high, delta_e6), p_value_e6: Math.ceil(Math.min(1, p) * MILLION),
    confidence_e6: MILLION - Math.max(1, e6(Number((policy.level + policy.harm_level).toFixed(9)))), threshold_e6: e6(policy.threshold),
    windows: state.path,
  };
}

// Wins, losses and ties, and the baseline's mean, in which each unit counts alike.
function countsOf(used) {
  const sums = new Map();
  const found = { wins: 0, losses: 0, ties: 0 };
  for (const [, [unit], before, after] of used) {
    const [all, size] = sums.get(unit) ?? [0, 0];
    sums.set(unit, [all + before, size + 1]);
    found[after > before ? "wins" : after < before ? "losses" : "ties"] += 1;
  }
  const whole = [...sums.values()].reduce((multiple, [, size]) => common(multiple, BigInt(size)), 1n);
  const total = [...sums.values()].reduce((all, [part, size]) => all + BigInt(part) * (whole / BigInt(size)), 0n);
  return { ...found, baseline_e6: sums.size ? roundedRatio(total, whole * BigInt(sums.size)) : 0 };
}

function common(a, b) {
  let [x, y] = [a, b];
  while (y) [x, y] = [y, x % y];
  return (a / x) * b;
}

const commonMultiple = (most) => Array.from({ length: most }, (_, i) => BigInt(i + 1)).reduce(common, 1n);

// ==== bundle.mjs
// A recompute bundle: the evidence made anew from the scores of the sealed examples, whose digest is signed.

const MOST_BUNDLE_BYTES = 256 * 2 ** 20;
const needBundle = (holds, what) => need(holds, "BUNDLE_INVALID", what);
const between = (value, least, most) => typeof value === "number" && value > least && value < most;
const hasOnly = (object, names) => object !== null && typeof object === "object" && Object.keys(object).sort().join() === names;

const readBundle = (bytes) => readJson(bytes, { most: MOST_BUNDLE_BYTES });

// Returns what was made anew, and what was not, in a sentence.
function checkBundle(document, bundle) {
  const { evidence } = document;
  needBundle(evidence?.scores_digest, "the document signs no scores");
  needBundle(hasOnly(bundle, "attestation,bundle_version,scores") && bundle.bundle_version === "1.0", "the file is no bundle of `attest bundle`");
  needBundle(bundle.attestation?.attestation_hash === document.attestation_hash, "the bundle is of another document");
  if (evidence.kind === "online") return ofCalls(evidence, bundle.scores);
  checkScoresForm(bundle.scores);
  const { policy, windows } = bundle.scores;
  const hashed = windows.map(({ start, end, examples }) => ({ start, end, examples: digestOf(examples) }));
  needBundle(digestOf({ policy, windows: hashed }) === evidence.scores_digest, "the bundle's scores are not those that are signed");
  needBundle(windows.some(({ examples }) => examples.length), "the scores show nothing");
  const found = "level" in policy ? ofTrial(windows, policy) : compareAlone(windows.flatMap(({ examples }) => examples), policy);
  const differs = [...differingFigures(document, found), ...differingMeans(document, found)];
  needBundle(!differs.length, `the scores give another ${differs.join(", ")}`);
  const of = `the scores of ${found.n} examples${found.windows > 1 ? ` in ${found.windows} windows` : ""}`;
  return found.p_value_e6 === undefined
    ? `gain and counts follow from ${of}; p and interval were resampled, which only \`teleprompt attest verify --bundle\` does anew`
    : `each figure of the evidence, made anew from ${of}`;
}

// The comparison within weeks is not made anew here: only whether these are the calls that are signed.
function ofCalls({ scores_digest }, scores) {
  needBundle(hasOnly(scores, "calls,policy,since,until") && Array.isArray(scores.calls), "the bundle's scores have another form");
  for (const call of scores.calls) checkCall(call);
  needBundle(digestOf({ ...scores, calls: digestOf(scores.calls) }) === scores_digest, "the bundle's scores are not those that are signed");
  return `its ${scores.calls.length} calls are those that are signed; the figures that they give only \`teleprompt attest verify --bundle\` makes anew`;
}

function checkCall(call) {
  const [digest, unit, isChallengers, share, at, outcome, ...more] = Array.isArray(call) ? call : [];
  const isMillionths = (value) => Number.isInteger(value) && value >= 0 && value <= MILLION;
  needBundle(isDigest(digest) && Number.isInteger(unit) && unit >= 0 && typeof isChallengers === "boolean" && isMillionths(share) &&
    Number.isInteger(at) && (outcome === null || isMillionths(outcome)) && !more.length, "a call has another form");
}

function ofTrial(windows, policy) {
  const found = foldTrial(windows, policy);
  // The gain on top of the baseline's mean is at most 1.
  const baseline_e6 = Math.min(Math.max(found.baseline_e6, -found.delta_e6), MILLION - found.delta_e6);
  return { ...found, baseline_e6, optimized_e6: baseline_e6 + found.delta_e6, level_e6: Math.ceil(policy.level * MILLION) };
}

function differingFigures({ evidence }, found) {
  const names = ["verdict", "claim", "test", "interval", "delta_e6", "ci_low_e6", "ci_high_e6", "p_value_e6", "confidence_e6", "threshold_e6",
    "n", "n_groups", "wins", "losses", "ties"];
  const differs = names.filter((name) => found[name] !== undefined && found[name] !== evidence[name]);
  const trial = Boolean(found.windows) !== Boolean(evidence.trial) || (evidence.trial && (evidence.trial.windows !== found.windows || evidence.trial.level_e6 !== found.level_e6));
  return trial ? [...differs, "trial"] : differs;
}

function differingMeans({ performance, evidence: { metric } }, { baseline_e6, optimized_e6 }) {
  const stated = (metrics) => (Object.keys(metrics).length === 1 ? e6(metrics[metric]) : null);
  const differs = [];
  if (stated(performance.baseline_metrics) !== baseline_e6) differs.push("baseline_metrics");
  if (stated(performance.optimized_metrics) !== optimized_e6) differs.push("optimized_metrics");
  return differs;
}

// One comparison on its own: exact tests anew, resampled ones left out.
function compareAlone(examples, { threshold_e6, claim, alpha, direction }) {
  const [before, after, groups] = [examples.map((one) => one[2]), examples.map((one) => one[3]), examples.map((one) => one[1][0])];
  const sign = direction === "lower" ? -1 : 1;
  const gains = after.map((score, i) => sign * (score - before[i]));
  const sizes = new Map();
  for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const mean = (values) => roundedRatio(BigInt(sum(values)), BigInt(values.length));
  const counts = { n: gains.length, n_groups: sizes.size, wins: gains.filter((gain) => gain > 0).length, losses: gains.filter((gain) => gain < 0).length };
  const [baseline_e6, optimized_e6] = [mean(before), mean(after)];
  const found = {
    ...counts, ties: counts.n - counts.wins - counts.losses, baseline_e6, optimized_e6, threshold_e6,
    delta_e6: sign * (optimized_e6 - baseline_e6), confidence_e6: MILLION - Math.max(1, e6(alpha)),
  };
  const isBinary = [...before, ...after].every((score) => score === 0 || score === MILLION) && counts.n_groups === counts.n;
  const isAlike = gains.every((gain) => gain === gains[0]);
  if (!isBinary && !isAlike) return { ...found, test: "sign_flip", interval: "bca_unseen" };
  const [p, [low, high]] = isBinary
    ? [mcNemar(counts.wins, counts.losses), bonettPrice(counts.wins, counts.losses, counts.n, alpha)]
    : [gains[0] ? signTest(sizes.size) : 1, allAlike(gains[0], sizes, counts.n, alpha)];
  const enough = sum(gains) >= threshold_e6 * counts.n && p <= alpha && e6(low) > 0;
  const shown = enough ? (e6(low) >= threshold_e6 ? "proven" : "significant") : null;
  return {
    ...found, test: isBinary ? "mcnemar_exact" : "sign", interval: isBinary ? "bonett_price" : "unseen", p_value_e6: e6(p), ci_low_e6: e6(low),
    ci_high_e6: Math.max(e6(high), found.delta_e6), claim: shown,
    verdict: shown === "proven" || (shown && claim === "significant") ? "promote" : e6(high) < threshold_e6 ? "reject" : "inconclusive",
  };
}

// Where all examples changed by the same, the interval allows for what was not seen, as large as the largest group.
function allAlike(gain, sizes, n, alpha) {
  const largest = (Math.max(...sizes.values()) * sizes.size) / n;
  const [low, high] = allowingForTheUnseen(gain / MILLION, sizes.size, alpha, largest);
  return [Math.max(-1, Math.min(gain / MILLION, low)), Math.min(1, Math.max(gain / MILLION, high))];
}

function checkScoresForm(scores) {
  needBundle(hasOnly(scores, "policy,windows") && Array.isArray(scores.windows), "the bundle's scores have another form");
  const { policy, windows } = scores;
  const isTrial = hasOnly(policy, "claim,direction,first_look_share,group_cap,harm_level,horizon,level,returning,threshold");
  needBundle(isTrial || hasOnly(policy, "alpha,claim,direction,threshold_e6"), "the bundle's policy has another form");
  needBundle(["significant", "proven"].includes(policy.claim) && ["higher", "lower"].includes(policy.direction), "the bundle's policy has another form");
  const holds = isTrial
    ? between(policy.level, 0, 0.5) && between(policy.harm_level, 0, 0.5) && between(policy.threshold, 0, 1) &&
      between(policy.first_look_share, -Number.MIN_VALUE, 1) && Number.isInteger(policy.group_cap) && between(policy.group_cap, 0, 101) &&
      Number.isInteger(policy.horizon) && policy.horizon >= 1 && ["left_out", "counted"].includes(policy.returning)
    : between(policy.alpha, 0, 0.5) && Number.isInteger(policy.threshold_e6) && between(policy.threshold_e6, 0, MILLION);
  needBundle(holds, "the bundle's policy has another form");
  for (const window of windows) {
    needBundle(hasOnly(window, "end,examples,start") && Array.isArray(window.examples), "a window has another form");
    const span = [window.start, window.end];
    needBundle(span.every(isMoment) ? span[0] < span[1] : !isTrial && span.every((moment) => moment === null), "a window of a trial has a start and an end");
    for (const example of window.examples) checkExample(example);
  }
}

function checkExample(example) {
  const [digest, names, ...both] = Array.isArray(example) ? example : [];
  const isScore = (score) => Number.isInteger(score) && score >= 0 && score <= MILLION;
  needBundle(isDigest(digest) && Array.isArray(names) && names.length && both.length === 2 && both.every(isScore) &&
    names.every((name) => typeof name === "string" && name.length <= 64), "an example has another form");
}

// ==== credit.mjs
// Whether contributors, counts and weights fit each other, and dividing a whole number fairly.

const METHODS = ["deduplicated_count", "quality_weighted", "leave_one_out", "group_shapley"];

// Returns what was found, in a sentence.
function checkCredit(document) {
  const { contributors: people, weighting_method: method, credit } = document;
  const weights = people.map((person) => e6(person.weight));
  need(sum(weights) === MILLION, "WEIGHTS_SUM", "the weights do not sum to 1");
  const [ids, addresses] = [people.map((person) => person.contributor_id), people.map((person) => person.address).filter(Boolean)];
  need(new Set(ids).size === ids.length && new Set(addresses).size === addresses.length,
    "DUPLICATE_CONTRIBUTOR", "a contributor or an address stands twice");
  if (credit) checkMethod(people, method);
  const known = credit !== undefined || method === "deduplicated_count";
  if (known) {
    const expected = weightsOf(people, credit?.cap_e6);
    need(weights.every((weight, i) => weight === expected[i]), "WEIGHTS_SUM", "the weights do not follow from what they are in proportion to");
  }
  checkCounts(document);
  const follow = known ? `; they follow from ${method === "deduplicated_count" ? "the counts of traces" : "the values that are stated"}` : "";
  return `the weights of ${people.length === 1 ? "one contributor" : `${people.length} contributors`} sum to 1${follow}`;
}

function checkMethod(people, method) {
  need(METHODS.includes(method), "WEIGHTS_SUM", "weighting_method is none that is known");
  need(people.every((person) => (person.address === null) === (person.quarantine !== undefined)),
    "QUARANTINE_MISMATCH", "who has no address says why, and who has one is not quarantined");
  const estimated = method === "leave_one_out" || method === "group_shapley";
  for (const { value_e6, error_e6, trace_count } of people) {
    need((value_e6 === undefined) === (method === "deduplicated_count") && (error_e6 !== undefined) === estimated,
      "WEIGHTS_SUM", "value_e6 or error_e6 does not fit weighting_method");
    need(method !== "quality_weighted" || (value_e6 >= 0 && value_e6 <= trace_count * MILLION),
      "WEIGHTS_SUM", "a sum of scores lies outside its traces");
  }
}

function checkCounts({ contributors: people, optimization_metadata: { trace_count: total }, data }) {
  need(sum(people.map((person) => person.trace_count)) === total, "COUNT_MISMATCH", "the contributors' traces do not add up to trace_count");
  need((data?.traces_root === undefined) === (data?.traces_count === undefined), "COUNT_MISMATCH", "traces_root and traces_count stand together");
  need([undefined, total].includes(data?.traces_count), "COUNT_MISMATCH", "traces_count is not trace_count");
  for (const { used, trace_count } of people.filter((person) => person.used)) {
    need(used.train + used.select + used.gate === trace_count, "COUNT_MISMATCH", "where traces were used does not add up to trace_count");
    need(used.demos <= used.train, "COUNT_MISMATCH", "more demonstrations than traces to learn from");
  }
}

// Millionths in proportion to what each brought. With a cap nobody gets more: what is above it goes to the others in
// proportion, until none is above; one that is too low to hold everything is raised to an equal share.
function weightsOf(people, cap_e6) {
  const shares = people.map(({ trace_count, value_e6 }) => BigInt(Math.max(0, value_e6 ?? trace_count)));
  const several = shares.filter((share) => share).length;
  need(several, "WEIGHTS_SUM", "nobody brought anything");
  const names = people.map(tieBreak);
  if (cap_e6 === undefined) return largestRemainder(BigInt(MILLION), shares, names).map(Number);
  const cap = BigInt(Math.max(cap_e6, Math.ceil(MILLION / several)));
  let [rest, others] = [BigInt(MILLION), total(shares)];
  const full = new Set();
  for (const i of shares.map((_, i) => i).sort((a, b) => (shares[a] < shares[b]) - (shares[a] > shares[b]))) {
    if (shares[i] * rest <= cap * others) break;
    full.add(i);
    [rest, others] = [rest - cap, others - shares[i]];
  }
  const below = shares.map((share, i) => (full.has(i) ? 0n : share));
  need(others, "WEIGHTS_SUM", "nobody below the cap brought anything");
  const parts = largestRemainder(rest, below, names);
  return parts.map((part, i) => Number(full.has(i) ? cap : part));
}

const tieBreak = (person) => utf8(`${(person.address ?? "").toLowerCase()}|${person.contributor_id}`);
const total = (values) => values.reduce((all, value) => all + value, 0n);

// Whole numbers in proportion to `shares` that sum to `amount` exactly: what flooring leaves goes, one each, to the
// largest remainders, of equal ones to the smaller name.
function largestRemainder(amount, shares, names) {
  const whole = total(shares);
  const parts = shares.map((share) => (amount * share) / whole);
  const remainders = shares.map((share) => (amount * share) % whole);
  const order = shares.map((_, i) => i).sort((a, b) =>
    remainders[a] === remainders[b] ? compareBytes(names[a], names[b]) : remainders[a] > remainders[b] ? -1 : 1);
  for (const i of order.slice(0, Number(amount - total(parts)))) parts[i] += 1n;
  return parts;
}

function compareBytes(one, other) {
  const differs = one.findIndex((byte, i) => byte !== other[i]);
  return differs < 0 ? one.length - other.length : one[differs] - (other[differs] ?? -1);
}

// ==== document.mjs
// What the fields of a document say of each other, beside its evidence and its credit.

const DEFAULT_THRESHOLD_E6 = 10_000;

function checkHash(document) {
  const content = without(document, "attestation_hash", "proof");
  need(digestOf(content) === document.attestation_hash, "HASH_MISMATCH", "the content is not what was hashed");
  need(digestOf(without(content, "attestation_id")).slice(0, 12) === document.attestation_id,
    "ID_MISMATCH", "the id does not follow from the content");
  return `the content has the hash ${document.attestation_hash} and the id ${document.attestation_id}`;
}

function checkDates({ timestamp, optimization_metadata: { date_range: range } }) {
  need(time(range.start) < time(range.end), "BAD_DATES", "date_range is empty");
  need(time(timestamp) >= time(range.end), "BAD_DATES", "timestamp lies before the end of date_range");
  const year = Number(timestamp.slice(0, 4));
  need(year >= 2020 && year < 2100, "BAD_DATES", "timestamp is not of the years 2020 to 2099");
  return `decided ${timestamp}, on traces from ${range.start} to ${range.end}`;
}

function checkPrograms({ model_info: info, program }) {
  need(info.baseline_version !== info.optimized_version, "SAME_PROGRAM", "baseline and optimized version are the same");
  need(!program || program.baseline_digest !== program.optimized_digest, "SAME_PROGRAM", "baseline and optimized program are the same");
  return `${info.model_id}, from version ${info.baseline_version} to ${info.optimized_version}`;
}

const headlineMetric = (document) => document.evidence?.metric ?? document.optimization_metadata.outcome_metric;

function checkGain(document) {
  const { performance, evidence } = document;
  const { baseline_metrics: before, optimized_metrics: after } = performance;
  const metric = headlineMetric(document);
  const names = [before, after].map((metrics) => Object.keys(metrics).sort());
  const delta = e6(performance.performance_delta);
  need(names[0].length === names[1].length && names[0].every((name, i) => name === names[1][i]) && Object.hasOwn(before, metric),
    "DELTA_MISMATCH", `both programs need the same metrics and '${metric}'`);
  need(e6(after[metric]) - e6(before[metric]) === delta, "DELTA_MISMATCH", "performance_delta is not optimized - baseline");
  need([before[metric], after[metric]].every((mean) => mean >= 0 && mean <= 1), "DELTA_MISMATCH", `'${metric}' lies outside [0, 1]`);
  const threshold = evidence?.threshold_e6 ?? DEFAULT_THRESHOLD_E6;
  need(performance.deltaone_achieved === delta >= threshold, "BELOW_THRESHOLD", "deltaone_achieved contradicts the threshold");
  need(!evidence || delta >= threshold, "BELOW_THRESHOLD", "a promotion needs at least the threshold");
  return `${metric} from ${before[metric]} to ${after[metric]}: ${points(delta)}`;
}

// ==== evidence.mjs
// Whether the figures of `evidence` can be what a gate found: counts bound the gain, and fix what is exact.

const LEAST_CONFIDENCE_E6 = 625_000;
const MOST_CALLS = 1e9;
const INTERVALS = {
  mcnemar_exact: ["bonett_price"], sign_flip: ["bca_unseen", "bca"], sign: ["unseen", "degenerate"],
  betting_mixture: ["confidence_sequence"], fisher_exact: ["newcombe"], permutation: ["delta_method_unseen"],
  delta_method: ["delta_method_unseen"], off_policy_t: ["off_policy_unseen"],
};
const needEvidence = (holds, contradiction) => need(holds, "EVIDENCE_MISMATCH", contradiction);
const alphaOf = (evidence) => (MILLION - evidence.confidence_e6 + 0.5) / MILLION;

// Returns what was found, in a sentence.
function checkEvidence(document) {
  const { evidence, performance } = document;
  const { ci_low_e6: low, ci_high_e6: high, delta_e6: delta, confidence_e6: confidence } = evidence;
  const strongest = low >= evidence.threshold_e6 ? "proven" : "significant";
  needEvidence(delta === e6(performance.performance_delta), "delta_e6 is not performance_delta");
  needEvidence(low <= high, "the interval is upside down");
  needEvidence(low > 0, "the interval is not above 0");
  needEvidence(low - 1 <= delta && delta <= high + 1, `the interval from ${points(low)} to ${points(high)} leaves out the gain of ${points(delta)}`);
  needEvidence(evidence.claim === strongest, `the interval shows '${strongest}'`);
  needEvidence(confidence >= LEAST_CONFIDENCE_E6 && confidence < MILLION, `no gate decides at a confidence of ${confidence / MILLION}`);
  needEvidence(evidence.p_value_e6 <= MILLION - confidence, "p is above alpha");
  needEvidence(INTERVALS[evidence.test].includes(evidence.interval), "test and interval do not belong together");
  const means = [performance.baseline_metrics, performance.optimized_metrics].map((metrics) => e6(metrics[evidence.metric]));
  return evidence.kind === "offline" ? checkOffline(document, means) : checkOnline(document, means);
}

// ---- sealed examples

function checkOffline({ evidence, optimization_metadata, contributors }, means) {
  const { n, n_groups, wins, losses, ties, delta_e6: delta, test } = evidence;
  needEvidence(wins + losses + ties === n, "wins, losses and ties do not add up to n");
  needEvidence(wins > 0, "a gain needs a win");
  needEvidence(n_groups <= n && n <= optimization_metadata.trace_count, "more examples than traces");
  const sealed = sum(contributors.map((person) => (person.used ?? { gate: person.trace_count }).gate));
  needEvidence(n <= sealed, `${n} examples were compared, and only ${sealed} traces were used for that`);
  needEvidence((evidence.trial === undefined) === (test !== "betting_mixture"), "a test that adds up over windows is that of a trial");
  if (evidence.trial) checkTrial(evidence, optimization_metadata.date_range);
  needEvidence((test === "off_policy_t") === (evidence.compared === "outcome"), "only an estimate off-policy is of the outcome");
  if (test === "off_policy_t") return checkOffPolicy(evidence);
  const of = evidence.trial ? n_groups : n;
  needEvidence((delta + 1) * of >= -Math.min(losses, of) * MILLION && (delta - 1) * of <= Math.min(wins, of) * MILLION,
    `${wins} wins and ${losses} losses cannot give a gain of ${points(delta)}`);
  const counts = `${n} sealed examples, ${wins} better, ${losses} worse, ${ties} alike`;
  return `${counts}: ${{ mcnemar_exact: checkMcNemar, sign: checkSign, sign_flip: checkSignFlip, betting_mixture: checkBets }[test](evidence, means)}`;
}

function checkOffPolicy(evidence) {
  const { n, wins, losses } = evidence;
  needEvidence(losses > 0, "a gain off-policy needs calls with the answers of both programs");
  needEvidence(evidence.scores_digest === undefined, "an estimate off-policy signs no scores");
  return `${n} calls in which chance chose the answer, ${wins} with the new answer and ${losses} with the old one: the estimate of the outcome is held within what counts allow, not made anew`;
}

function checkMcNemar(evidence, means) {
  const { n, n_groups, wins, losses, ties, delta_e6: delta, p_value_e6, ci_low_e6, ci_high_e6, confidence_e6 } = evidence;
  needEvidence(n_groups === n, "McNemar's test is of independent examples, so n_groups is n");
  needEvidence(Math.abs(delta * n - (wins - losses) * MILLION) <= n, `${wins} wins and ${losses} losses in ${n} do not give a gain of ${points(delta)}`);
  needEvidence(isRounded(mcNemar(wins, losses), p_value_e6), "p does not follow from wins and losses");
  needEvidence(isInterval([ci_low_e6, ci_high_e6], confidence_e6, [(alpha) => bonettPrice(wins, losses, n, alpha)]),
    "the interval does not follow from wins, losses and n");
  const [before, after] = means.map((mean) => onesBehind(mean, n));
  needEvidence(before[0] <= before[1] && after[0] <= after[1], `a share of ${n} right answers is k / ${n}`);
  needEvidence(Math.max(before[0], after[0] - wins + losses, losses) <= Math.min(before[1], after[1] - wins + losses, losses + ties),
    "wins and losses do not lead from the right answers before to those after");
  return "McNemar's test and its interval, computed anew, are those that are stated";
}

function checkSign(evidence) {
  const { n, n_groups, wins, delta_e6: delta, p_value_e6, interval, ci_low_e6, ci_high_e6, confidence_e6 } = evidence;
  needEvidence(wins === n, "the sign test is of examples that all gained the same");
  needEvidence(isRounded(signTest(n_groups), p_value_e6), "p does not follow from n_groups");
  if (interval === "degenerate") {
    needEvidence(ci_low_e6 === delta && ci_high_e6 === delta, "a degenerate interval is a point");
    return "the sign test, computed anew, is the one that is stated";
  }
  if (n_groups === n) {
    const formula = (alpha) => clipped(allowingForTheUnseen(delta / MILLION, n_groups, alpha));
    needEvidence(isInterval([ci_low_e6, ci_high_e6], confidence_e6, [formula]), "the interval does not follow from the gain and n_groups");
  }
  needEvidence(allowsForTheUnseen(evidence), "the interval does not allow for what so few leave unseen");
  return "the sign test, computed anew, is the one that is stated";
}

function checkSignFlip(evidence) {
  const { p_value_e6, interval, n_groups, wins, losses } = evidence;
  needEvidence(p_value_e6 >= LEAST_RESAMPLED_E6, "a resampled p is never as small");
  needEvidence(interval !== "bca_unseen" || allowsForTheUnseen(evidence), "the interval does not allow for what so few leave unseen");
  const changed = Math.min(n_groups, wins + losses);
  needEvidence(p_value_e6 + 1 >= e6(leastResampled(signTest(changed))), `so small a p does not come of ${changed} groups that changed`);
  return "p and interval were resampled; they lie within what these counts allow, and only a bundle gives them anew";
}

const clipped = ([low, high]) => [Math.max(-1, low), Math.min(1, high)];

function allowsForTheUnseen(evidence) {
  const [low, high] = clipped(allowingForTheUnseen(evidence.delta_e6 / MILLION, evidence.n_groups, alphaOf(evidence)));
  return evidence.ci_low_e6 <= e6(low) + 2 && evidence.ci_high_e6 >= e6(high) - 2;
}

function checkTrial({ trial, n, p_value_e6, confidence_e6 }, range) {
  const share = Math.ceil(250_000 / (trial.number * (trial.number + 1)));
  needEvidence(trial.level_e6 <= share, `trial ${trial.number} of a year has a level of at most ${share / MILLION}`);
  needEvidence(trial.level_e6 <= MILLION - confidence_e6 + 1, "the trial's level is above the error that the confidence leaves");
  needEvidence(p_value_e6 <= trial.level_e6, "p is above the trial's level");
  needEvidence(trial.windows <= n, "more windows than examples");
  const [start, end] = [time(trial.opened.start), time(trial.opened.end)];
  needEvidence(start < end, "the opening window is empty");
  needEvidence(time(range.start) <= start && end <= time(range.end), "the opening window is no part of date_range");
}

function checkBets(evidence) {
  const { trial, wins, losses, n, n_groups, p_value_e6, ci_low_e6: low } = evidence;
  const [single, level] = [trial.windows === 1, trial.level_e6 / MILLION];
  let least = 0.5 ** (Math.min(wins, 1000) + 2); // a win multiplies the wealth by 1.8 at most
  if (single) {
    const first = n_groups === n ? pOfNoGain(wins, losses, n) : 1;
    least = Math.max(least, Math.min(Math.exp(-mostLogWealth(evidence, 0)), first));
  }
  needEvidence(p_value_e6 + 1 >= e6(least), `so small a p does not come of ${wins} wins`);
  // Before the last window the lower end was below the threshold, or it would have decided: only one that reaches it, or
  // that of a single window, is known to be of all units.
  if (single || low >= evidence.threshold_e6) {
    const bound = () => (n_groups === n ? Math.max(1, Math.floor(firstBound(wins, losses, n, level) * MILLION)) : -MILLION);
    needEvidence(mostLogWealth(evidence, low - 1) >= -Math.log(level) - 1e-6 || (single && low <= bound()),
      `${wins} wins do not show a gain of at least ${points(low)}`);
  }
  const windows = `${trial.windows} window${single ? "" : "s"}`;
  return `in ${windows} the bets can have won what is stated; how much they did, only a bundle tells`;
}

// ---- calls in production

function checkOnline({ evidence, timestamp }, means) {
  const { n_baseline: n0, n_optimized: n1, keys_baseline: keys0, keys_optimized: keys1, observed, test } = evidence;
  const [missing0, missing1] = [evidence.missing_baseline, evidence.missing_optimized];
  needEvidence(keys0 <= n0 && keys1 <= n1, "more keys than calls");
  needEvidence(Math.max(n0, n1, missing0, missing1) <= MOST_CALLS, "more than 1,000,000,000 calls");
  needEvidence(time(observed.start) < time(observed.end), "the observed span is empty");
  needEvidence(time(timestamp) >= time(observed.end), "timestamp lies in the time that was observed");
  needEvidence((test === "delta_method") === ("weeks" in evidence), "weeks and test do not belong together");
  needEvidence("weeks" in evidence === "missing_are" in evidence, "weeks and missing_are do not belong together");
  const calls = `${n0} and ${n1} calls of ${keys0} and ${keys1} keys`;
  if (test === "delta_method") return `${calls}: ${checkWeeks(evidence)}`;
  const unequal = missing0 + n0 && missing1 + n1 && fisher([missing0, n0], [missing1, n1]) < 0.01;
  needEvidence(!unequal, "outcomes are missing unequally, so that they decide nothing");
  return `${calls}: ${test === "fisher_exact" ? checkFisher(evidence, means) : checkPermutation(evidence, means)}`;
}

function checkWeeks(evidence) {
  const { keys_baseline: keys0, keys_optimized: keys1, delta_e6: delta, ci_low_e6: low, ci_high_e6: high, observed } = evidence;
  needEvidence(Math.min(keys0, keys1) > 1, "one key is one observation");
  needEvidence(evidence.weeks * 604_800_000 <= time(observed.end) - time(observed.start), "more weeks than were observed");
  const fewest = Math.min(keys0 + evidence.missing_baseline, keys1 + evidence.missing_optimized);
  const least = e6(hidden(0.5, fewest, alphaOf(evidence))) - 3;
  needEvidence(delta - low >= least && (high === MILLION || high - delta >= least), "the interval does not allow for what so few keys leave unseen");
  return "compared within weeks, whose sums are not in the document; p and interval are not computed anew";
}

function checkFisher(evidence, means) {
  const sizes = [evidence.n_baseline, evidence.n_optimized];
  needEvidence(evidence.keys_baseline === sizes[0] && evidence.keys_optimized === sizes[1],
    "Fisher's test is of one call a key, so there are as many keys as calls");
  const [before, after] = means.map((mean, i) => onesBehind(mean, sizes[i]));
  needEvidence(before[0] <= before[1] && after[0] <= after[1], "a share of good outcomes is k / n");
  // Of a million calls and more, six decimals stand for several counts: the furthest apart, and the nearest.
  const pairs = [[before[0], after[1]], [before[1], after[0]]];
  const found = pairs.map((good) => fisher([good[0], sizes[0] - good[0]], [good[1], sizes[1] - good[1]]) * MILLION);
  needEvidence(evidence.p_value_e6 >= Math.min(...found) - 0.501 && evidence.p_value_e6 <= Math.max(...found) + 0.501,
    "p does not follow from the means and the numbers of calls");
  const formulas = pairs.map((good) => (alpha) => newcombe([good[0], sizes[0]], [good[1], sizes[1]], alpha));
  needEvidence(isInterval([evidence.ci_low_e6, evidence.ci_high_e6], evidence.confidence_e6, formulas),
    "the interval does not follow from the means and the numbers of calls");
  return "Fisher's test and its interval, computed anew, are those that are stated";
}

function checkPermutation(evidence, means) {
  const { delta_e6: delta, ci_low_e6: low, ci_high_e6: high, p_value_e6 } = evidence;
  const keys = [evidence.keys_baseline, evidence.keys_optimized];
  needEvidence(Math.min(...keys) > 1, "one key is one observation");
  needEvidence(p_value_e6 >= LEAST_RESAMPLED_E6, "a resampled p is never as small");
  const one = Math.exp(logFactorial(keys[0]) + logFactorial(keys[1]) - logFactorial(keys[0] + keys[1]));
  needEvidence(p_value_e6 + 1 >= e6(leastResampled(one)), "so small a p does not come of so few keys");
  const [below, above] = [delta - low, high - delta];
  needEvidence(high === MILLION ? above <= below + 3 : Math.abs(above - below) <= 3, "the interval is not centred on the gain");
  const half = Math.max(...means.map((mean, i) => hidden(mean / MILLION, keys[i], alphaOf(evidence))));
  needEvidence(below + 3 >= e6(half), "the interval does not allow for what so few keys leave unseen");
  return "p was resampled; p and interval lie within what these counts allow, and are not computed anew";
}

// ==== expected.mjs
// What somebody who is handed a document expects of it, beside that it is valid.

// Each of `program`, `version`, `state` (a SHA-256), `after` (a time) and `evidence` (true) may be left out.
const isAnything = (expected) => Object.values(expected).some(Boolean);

function checkExpected(document, expected) {
  const { program, version, state, after, evidence } = expected;
  const info = document.model_info;
  need(!program || info.model_id === program, "PROGRAM_UNEXPECTED", `it is about the program '${info.model_id}', not '${program}'`);
  need(!version || info.optimized_version === version, "VERSION_UNEXPECTED", `it is about the version '${info.optimized_version}', not '${version}'`);
  need(!state || document.program?.optimized_digest === state, "STATE_UNEXPECTED", "it is about another program state than yours");
  need(!after || time(document.timestamp) >= time(after), "TOO_OLD", `it is of ${document.timestamp}, before ${after}`);
  need(!evidence || document.evidence, "EVIDENCE_MISSING", "nothing in it backs the gain");
  return `${Object.keys(expected).filter((name) => expected[name]).join(", ")}: as you expect`;
}

// ==== ed25519.mjs
// Ed25519 (RFC 8032), verified: what logs and their witnesses sign with; and SHA-512 (FIPS 180-4), which it needs.
// There is no secret in it, so that it need not take the same time for all numbers.

const BITS_64 = (1n << 64n) - 1n;
const ED_PRIME = 2n ** 255n - 19n;
const ED_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const ED_BYTES = 32;

// The first 64 bits of the fractions of the square and cube roots of the first primes, as the standard defines them.
function longRootFractions(degree, count) {
  const fractions = [];
  for (let prime = 2n; fractions.length < count; prime++) {
    let isPrime = true;
    for (let factor = 2n; factor * factor <= prime; factor++) if (prime % factor === 0n) isPrime = false;
    if (!isPrime) continue;
    const scaled = prime << (64n * degree);
    let [low, high] = [0n, 1n << 70n];
    while (high - low > 1n) {
      const middle = (low + high) >> 1n;
      if (middle ** degree <= scaled) low = middle;
      else high = middle;
    }
    fractions.push(low & BITS_64);
  }
  return fractions;
}

const SHA_512_START = longRootFractions(2n, 8);
const SHA_512_ROUNDS = longRootFractions(3n, 80);

function sha512(bytes) {
  const padded = new Uint8Array(Math.ceil((bytes.length + 17) / 128) * 128);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(bytes.length) * 8n);
  const turned = (x, n) => ((x >> n) | (x << (64n - n))) & BITS_64;
  const state = [...SHA_512_START];
  for (let block = 0; block < padded.length; block += 128) {
    const w = Array.from({ length: 16 }, (_, i) => view.getBigUint64(block + 8 * i));
    for (let i = 16; i < 80; i++) {
      const near = turned(w[i - 15], 1n) ^ turned(w[i - 15], 8n) ^ (w[i - 15] >> 7n);
      const far = turned(w[i - 2], 19n) ^ turned(w[i - 2], 61n) ^ (w[i - 2] >> 6n);
      w.push((w[i - 16] + near + w[i - 7] + far) & BITS_64);
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 80; i++) {
      const one = h + (turned(e, 14n) ^ turned(e, 18n) ^ turned(e, 41n)) + ((e & f) ^ (~e & BITS_64 & g)) + SHA_512_ROUNDS[i] + w[i];
      const two = (turned(a, 28n) ^ turned(a, 34n) ^ turned(a, 39n)) + ((a & b) ^ (a & c) ^ (b & c));
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) & BITS_64, c, b, a, (one + two) & BITS_64];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => (state[i] = (state[i] + word) & BITS_64));
  }
  return fromHex(state.map((word) => word.toString(16).padStart(16, "0")).join(""));
}

const edMod = (value) => ((value % ED_PRIME) + ED_PRIME) % ED_PRIME;

function edPower(base, exponent) {
  let [result, square] = [1n, edMod(base)];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % ED_PRIME;
    square = (square * square) % ED_PRIME;
  }
  return result;
}

const ED_D = edMod(-121665n * edPower(121666n, ED_PRIME - 2n));
const ED_ROOT = edPower(2n, (ED_PRIME - 1n) / 4n); // of -1
const littleEndian = (bytes) => bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);

// Points are (X, Y, Z, T) with x = X / Z, y = Y / Z, x y = T / Z.
function edAdded([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const [a, b] = [edMod((y1 - x1) * (y2 - x2)), edMod((y1 + x1) * (y2 + x2))];
  const [c, d] = [edMod(2n * t1 * t2 * ED_D), edMod(2n * z1 * z2)];
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [edMod(e * f), edMod(g * h), edMod(f * g), edMod(e * h)];
}

function edTimes(scalar, point) {
  let [result, doubling] = [[0n, 1n, 1n, 0n], point];
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = edAdded(result, doubling);
    doubling = edAdded(doubling, doubling);
  }
  return result;
}

// The point of 32 bytes; null where there is none.
function edPoint(bytes) {
  const whole = littleEndian(bytes);
  const [y, isOdd] = [whole & ((1n << 255n) - 1n), whole >> 255n];
  if (y >= ED_PRIME) return null;
  const [u, v] = [edMod(y * y - 1n), edMod(ED_D * y * y + 1n)];
  let x = edMod(u * v ** 3n * edPower(u * v ** 7n, (ED_PRIME - 5n) / 8n));
  if (edMod(v * x * x) !== u) x = edMod(x * ED_ROOT);
  if (edMod(v * x * x) !== u || (x === 0n && isOdd)) return null;
  if ((x & 1n) !== isOdd) x = edMod(-x);
  return [x, y, 1n, edMod(x * y)];
}

function edBytes([x, y, z]) {
  const inverted = edPower(z, ED_PRIME - 2n);
  const whole = edMod(y * inverted) | ((edMod(x * inverted) & 1n) << 255n);
  return Uint8Array.from({ length: ED_BYTES }, (_, i) => Number((whole >> BigInt(8 * i)) & 255n));
}

const ED_BASE = edPoint(Uint8Array.from({ length: ED_BYTES }, (_, i) => (i ? 0x66 : 0x58)));

// Whether the key of 32 bytes signed the message.
function isEd25519(key, message, signature) {
  const point = key.length === ED_BYTES && signature.length === 2 * ED_BYTES ? edPoint(key) : null;
  const scalar = littleEndian(signature.slice(ED_BYTES));
  if (!point || scalar >= ED_ORDER) return false;
  const challenge = littleEndian(sha512(joined(signature.slice(0, ED_BYTES), key, message))) % ED_ORDER;
  const [x, y, z, t] = point;
  const found = edBytes(edAdded(edTimes(scalar, ED_BASE), edTimes(challenge, [edMod(-x), y, z, edMod(-t)])));
  return found.every((byte, i) => byte === signature[i]);
}

// ==== note.mjs
// Signed notes and checkpoints of logs (c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature).

const [OF_LOG, OF_WITNESS] = [1, 4];
const MOST_NOTE_BYTES = 64 * 1024;
const MOST_SIGNATURES = 100;
const LATEST_SECOND = 253_402_300_799;
const NOTE_NAME = /^[^+\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/;
const SMALL_NUMBER = /^(?:0|[1-9][0-9]{0,14})$/;

// What is no note, key or proof, and why.
class NoteFault extends Error {}

function noteNeed(holds, why) {
  if (!holds) throw new NoteFault(why);
}

function fromBase64(text) {
  let binary = null;
  try {
    binary = atob(text);
  } catch {
    throw new NoteFault("something is no base64");
  }
  noteNeed(btoa(binary) === text, "something is no base64");
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function smallNumber(text) {
  noteNeed(SMALL_NUMBER.test(text), "a number is missing, or too large");
  return Number(text);
}

const sameBytes = (left, right) => left.length === right.length && left.every((byte, i) => byte === right[i]);

function decodedNote(bytes, most = MOST_NOTE_BYTES) {
  noteNeed(bytes.length <= most, `it has more than ${most} bytes`);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new NoteFault("it is not UTF-8");
  }
}

// `name+hexadecimal id+base64 of type and key`.
function readNoteKey(text, { isWitness = false } = {}) {
  const [, name, digits, encoded] = /^([^+]*)\+([^+]*)\+(.*)$/s.exec(text.trim()) ?? [];
  noteNeed(encoded !== undefined && NOTE_NAME.test(name), "a key looks like name+hexadecimal id+base64");
  const data = fromBase64(encoded);
  noteNeed(data.length === 33 && data[0] === (isWitness ? OF_WITNESS : OF_LOG), `it is no key of a ${isWitness ? "witness" : "log"} that is of Ed25519`);
  const id = sha256(joined(utf8(`${name}\n`), data)).slice(0, 4);
  noteNeed(Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join("") === digits, `the id of the key ${name} is another`);
  return { name, id, isWitness, key: data.slice(1) };
}

function readNote(whole) {
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
function signedAt({ text, signatures }, key) {
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

function readCheckpoint(whole) {
  const note = readNote(whole);
  const [origin, size, root] = note.text.split("\n");
  noteNeed(origin && SMALL_NUMBER.test(size ?? ""), "the text is no checkpoint: the log's name, its size and its root");
  const hash = fromBase64(root ?? "");
  noteNeed(hash.length === 32, "the text is no checkpoint: the log's name, its size and its root");
  return { origin, size: Number(size), root: hash, note };
}

function checkSignedBy(checkpoint, key) {
  noteNeed(checkpoint.origin === key.name, `it is of the log ${checkpoint.origin}, and not of ${key.name}`);
  noteNeed(signedAt(checkpoint.note, key) !== null, `${key.name} has not signed the checkpoint`);
}

// ==== log.mjs
// That a document is in a public log: by a proof beside it (c2sp.org/tlog-proof), and that the log goes on from a
// checkpoint that the verifier kept (RFC 9162, 2.1.3 and 2.1.4).

const PROOF_HEADER = "c2sp.org/tlog-proof@v1";
const MOST_HASHES = 63;
const MOST_PROOF_BYTES = 128 * 1024;

const logLeaf = (entry) => sha256(joined(Uint8Array.of(0), entry));
const logNode = (left, right) => sha256(joined(Uint8Array.of(1), left, right));

// What the verifier asks of the log, from texts and bytes; of a list's log where he names none.
//
// Throws a TypeError where something cannot be used.
function readLogPolicy({ keys = [], witnesses = [], quorum, kept, goesOn }, list) {
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
function checkLogged(document, bytes, policy) {
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

function loggedInWords({ index, size, origin, isSigned, witnesses, by }) {
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

function isIncluded(leaf, index, size, hashes, root) {
  if (index >= size) return false;
  let found = leaf;
  const isWhole = climb(index, size - 1, hashes, (hash) => (found = logNode(hash, found)), (hash) => (found = logNode(found, hash)));
  return isWhole && sameBytes(found, root);
}

function isConsistent(old, oldRoot, size, root, hashes) {
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

// ==== signatures.mjs
// Who signed: EIP-712 over the hash, with the signer in what is signed, so that nobody can find an address for a
// signature that he made up.

const TYPE = "Attestation(string attestationId,bytes32 attestationHash,string modelId,string optimizedVersion,address signer)";
const hashed = (text) => keccak256(utf8(text));
const domain = (name) => keccak256(joined(hashed("EIP712Domain(string name,string version)"), hashed(name), hashed("1")));
const DOMAIN = domain("Teleprompt Attestation");
const LIST_TYPE = "SignerList(bytes32 listHash,uint64 number,address signer)";
const LIST_DOMAIN = domain("Teleprompt Signers");

const PREFIX = Uint8Array.of(0x19, 0x01);

const word = (hex) => fromHex(hex.replace(/^0x/, "").padStart(64, "0"));
const signaturesOf = ({ proof }) => (proof === undefined ? [] : Array.isArray(proof) ? proof : [proof]);

// The signers, each signature checked.
function recoverSigners(document) {
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
function isListSigned({ number, proof = [] }, hash) {
  return proof.every(({ signer, signature }) => {
    const message = keccak256(joined(hashed(LIST_TYPE), word(hash), word(number.toString(16)), word(signer)));
    return recoverAddress(keccak256(joined(PREFIX, LIST_DOMAIN, message)), fromHex(signature)) === signer;
  });
}

// ==== proofs.mjs
// Proofs that a trace was used, or of what a contributor is due. What they must hold follows from the document, never
// from themselves.

const REWARD = ["type", "attestation_hash", "root", "proof", "leaf_encoding", "leaf", "total"];
const TRACE = ["type", "attestation_hash", "root", "proof", "leaf_encoding", "leaf", "salt", "trace"];
const HASH = /^0x[0-9a-f]{64}$/;
const UNITS = /^(0|[1-9][0-9]{0,77})$/;
const needProof = (holds, what) => need(holds, "PROOF_INVALID", what);
const matches = (pattern, value) => typeof value === "string" && pattern.test(value);

// Returns what it proves, in a sentence.
function checkProof(document, proof) {
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

// ==== trust_list.mjs
// The trust list: which keys could sign when, and what was revoked. It is the verifier's own file.

// Throws a TypeError where it is no list, names a key twice, is not signed by whom it names, or is not the one that is
// expected: signed by `signer`, and of this number or a later one.
function readTrustList(bytes, { signer, number = 1 } = {}) {
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

function trustedAddress(text) {
  const address = addressOf(text);
  if (!address) throw new TypeError(`${text} is no address in its EIP-55 form`);
  return address;
}

const addressesOf = (list) => list.signers.map((signer) => signer.address);

function asked(look) {
  try {
    return look();
  } catch (error) {
    if (error instanceof Refusal) throw new TypeError(`this is no list of signers (${error.message})`);
    throw error;
  }
}

function checkNotRevoked({ attestation_hash: hash }, list) {
  const revoked = list.revoked_documents.find((one) => one.attestation_hash === hash);
  need(!revoked, "DOCUMENT_REVOKED", revoked && `it was revoked ${revoked.at} (${revoked.why})`);
  return "it was not revoked";
}

// Why a signer's signature on the document does not count, as a refusal; null if it does, or the list does not know him.
// Of a key with an end the document's own time is not enough where witnesses watch the list's log: it has to have been
// there before, as of `loggedBy`, milliseconds since 1970.
function lapseOf(signer, { attestation_hash: hash, timestamp }, list, loggedBy) {
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

// ==== verify.mjs
// All checks, in their order, each with what it found in a sentence; the first that does not hold ends them.

// Checks the bytes of a document, and of a bundle and proofs ([name, bytes]) against it. Without a document it is the
// one in the bundle. Of the addresses that are trusted, `threshold` must have signed; without any, of those in the trust
// list, in whose time they have to have. What is `expected` may be left out.
//
// Throws a TypeError where what the verifier asks for makes no sense.
function verify({ document, bundle, proofs = [], trustList, logProof }, { signers = [], threshold = 1, requireSignature = false, expected = {}, expectedList = {}, log = {} } = {}) {
  const list = trustList === undefined ? null : readTrustList(trustList, expectedList);
  const policy = readLogPolicy(log, list);
  const trusted = signers.length || !list ? signers.map(trustedAddress) : addressesOf(list);
  if (document === undefined && bundle === undefined) throw new TypeError("there is neither a document nor a bundle, which holds one");
  if (!Number.isInteger(threshold) || threshold < 1) throw new TypeError("a threshold is 1 or more");
  const checks = [];
  const found = { valid: false, level: null, code: "OK", detail: "", attestation_id: null, signers: [], summary: null, logged: null };
  const steps = stepsOf({ document, bundle, proofs, logProof }, { list, policy, trusted, threshold, isAsked: requireSignature || trusted.length > 0 || threshold > 1, expected }, found);
  for (const [i, [name, look]] of steps.entries()) {
    try {
      const said = look();
      const [state, text] = Array.isArray(said) ? said : ["ok", said];
      checks.push({ name, state, text });
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal("BAD_SCHEMA", `it cannot be read (${error.message})`);
      checks.push({ name, state: "fail", text: refusal.message, code: refusal.code });
      checks.push(...steps.slice(i + 1).map(([later]) => ({ name: later, state: "skipped", text: "not looked at" })));
      return { ...found, level: null, summary: null, logged: null, signers: [], attestation_id: null, code: refusal.code, detail: refusal.message, checks };
    }
  }
  return { ...found, valid: true, detail: levelInWords(found, trusted), checks };
}

function stepsOf({ document, bundle, proofs, logProof }, { list, policy, expected, ...asked }, found) {
  let [read, opened] = [null, null];
  const documentBytes = () => {
    if (document !== undefined) return document;
    opened = readBundle(bundle);
    need(opened?.attestation, "BUNDLE_INVALID", "there is no document in it");
    return utf8(JSON.stringify(opened.attestation));
  };
  const steps = [
    ["File", () => {
      const bytes = documentBytes();
      read = readJson(bytes);
      return `${bytes.length.toLocaleString("en")} bytes of JSON that can be read in one way only`;
    }],
    ["Form", () => checkForm(read) && "each field is there, and of its form"],
    ["Hash", () => checkHash(read)],
    ["Dates", () => checkDates(read)],
    ["Program", () => checkPrograms(read)],
    ["Gain", () => checkGain(read)],
    ["Evidence", () => (read.evidence ? checkEvidence(read) : ["warn", "none: nothing in the document backs the gain"])],
    ["Credit", () => checkCredit(read)],
    ...(list ? [["Revocation", () => checkNotRevoked(read, list)]] : []),
    ...(logProof !== undefined || policy.isAsked ? [["Log", () => {
      need(logProof !== undefined, "LOG_MISSING", "it must be in a log, and no proof was given");
      found.logged = checkLogged(read, logProof, policy);
      return loggedInWords(found.logged);
    }]] : []),
    ["Signature", () => {
      const lapses = recoverSigners(read).map((signer) => [signer, list && lapseOf(signer, read, list, found.logged?.by ?? null)]);
      const said = checkSigners(lapses, asked);
      found.signers = lapses.filter(([, lapse]) => !lapse).map(([signer]) => signer);
      Object.assign(found, { attestation_id: read.attestation_id, summary: summaryOf(read), level: levelOf(read, found.signers) });
      return said;
    }],
    ...(isAnything(expected) ? [["Expected", () => checkExpected(read, expected)]] : []),
    ...proofs.map(([name, proof]) => [`Proof ${name}`.trim(), () => checkProof(read, inProof(() => readJson(proof)))]),
  ];
  if (bundle !== undefined) steps.push(["Bundle", () => checkBundle(read, opened ?? readBundle(bundle))]);
  return steps;
}

const inProof = (read) => recoded("PROOF_INVALID", "the file is no proof of `attest prove`", read);

function recoded(code, detail, look) {
  try {
    return look();
  } catch {
    throw new Refusal(code, detail);
  }
}

// Of [signer, why he does not count, or null] for each signature.
function checkSigners(signatures, { trusted, threshold, isAsked }) {
  if (!signatures.length) {
    need(!isAsked, "SIGNATURE_MISSING", "a signature is required and there is none");
    return ["warn", "none: anyone could have written this"];
  }
  const named = signatures.filter(([signer]) => !trusted.length || trusted.includes(signer));
  const counted = named.filter(([, lapse]) => !lapse);
  const [, lapse] = (named.length ? named : signatures).find(([, why]) => why) ?? [];
  if (lapse && counted.length < Math.max(isAsked ? threshold : 0, 1)) throw lapse;
  need(!isAsked || counted.length, "SIGNER_UNTRUSTED", `${signatures[0][0]} is not among the trusted signers`);
  need(!isAsked || counted.length >= threshold, "SIGNATURES_TOO_FEW", `${counted.length} of ${threshold} signatures`);
  const by = `signed by ${signatures.filter(([, why]) => !why).map(([signer]) => signer).join(" and ")}`;
  return trusted.length ? by : ["warn", `${by}, whom you did not name: whose key that is remains open`];
}

function levelOf(document, signers) {
  if (!document.evidence) return "unbacked";
  return signers.length ? "signed" : "hash-only";
}

function levelInWords({ level, signers }, trusted) {
  if (level === "unbacked") return "without evidence, so that nothing backs the gain";
  if (level === "hash-only") return "not signed: consistent in itself, but anyone could write it";
  return `signed by ${signers.join(" and ")}${trusted.length ? "" : ", whom you did not name as trusted"}`;
}

// What the document says, for people. Differences are millionths.
function summaryOf({ model_info: info, timestamp, performance, evidence, ...document }) {
  return {
    program: info.model_id, baseline_version: info.baseline_version, optimized_version: info.optimized_version, decided_at: timestamp,
    metric: headlineMetric({ evidence, ...document }), delta_e6: e6(performance.performance_delta), evidence: evidence?.kind ?? "none",
    claim: evidence?.claim ?? null, ci_low_e6: evidence?.ci_low_e6 ?? null, ci_high_e6: evidence?.ci_high_e6 ?? null,
    confidence_e6: evidence?.confidence_e6 ?? null, p_value_e6: evidence?.p_value_e6 ?? null, test: evidence?.test ?? null,
    compared: evidence?.kind === "online" ? "outcome" : evidence?.compared ?? null, trial: evidence?.trial ?? null,
  };
}

// ---- the command

const USAGE = `node verify.js [option]... ATTESTATION [PROOF]...
  --signer 0x...       must be signed by this address; may stand several times
  --threshold N        so many of them must have signed (1)
  --unsigned           a document without a signature is enough,
  --require-signature  but for this, which is so without either
  --program NAME       must be about this program
  --version ID         must be about this version
  --state FILE         must be about the program state in this file
  --after TIME         must be of this day or time (2026-01-31, 2026-01-31T00:00:00Z) or later
  --require-evidence   the gain must be backed
  --signers FILE       must be signed in his time by one in this file of \`teleprompt signer export\`
  --list-signer 0x...  who must have signed that list
  --list-number N      that list must have this number or a later one
  --log-proof FILE     that it is in a public log, a file of \`teleprompt attest log prove\`
  --log KEY            it must be in the log with this verifier key; may stand several times
  --witness KEY        verifier key of a witness who must have cosigned; may stand several times
  --witnesses N        so many of them must have (1)
  --kept FILE          the log must go on from this checkpoint, which you kept
  --consistency FILE   that it does, a file of \`teleprompt attest log consistency\`
  --proof FILE         also check this proof, as those that follow the attestation
  --bundle FILE        also recompute it from the scores in this file
  --json               print the result as JSON`;

function main() {
  const { readFileSync } = require("node:fs");
  const { parseArgs } = require("node:util");
  const flags = ["unsigned", "require-signature", "require-evidence", "json"];
  const options = Object.fromEntries([
    ...flags.map((name) => [name, { type: "boolean" }]),
    ...["signer", "proof", "log", "witness"].map((name) => [name, { type: "string", multiple: true }]),
    ...["threshold", "program", "version", "state", "after", "bundle", "signers", "list-signer", "list-number", "log-proof", "witnesses", "kept", "consistency"].map((name) => [name, { type: "string" }]),
  ]);
  const { values, positionals } = parseArgs({ allowPositionals: true, options });
  if (!positionals.length) throw new TypeError(USAGE);
  const [document, ...proofs] = positionals;
  const read = (path) => (path === undefined ? undefined : readFileSync(path));
  const { state } = values;
  const files = {
    document: read(document), bundle: read(values.bundle), trustList: read(values.signers), logProof: read(values["log-proof"]), proofs: [...(values.proof ?? []), ...proofs].map((path) => [path, read(path)]),
  };
  const found = verify(files, {
    signers: values.signer, threshold: Number(values.threshold ?? 1), requireSignature: values["require-signature"] || !values.unsigned,
    expectedList: { signer: values["list-signer"], number: Number(values["list-number"] ?? 1) },
    log: {
      keys: values.log, witnesses: values.witness, quorum: values.witnesses && Number(values.witnesses), kept: read(values.kept),
      goesOn: read(values.consistency),
    },
    expected: {
      program: values.program, version: values.version, after: momentOf(values.after), state: state && toHex(sha256(read(state))),
      evidence: values["require-evidence"],
    },
  });
  print(found, values.json);
  return found.valid ? 0 : 1;
}

function momentOf(text) {
  if (text === undefined) return undefined;
  const moment = text.length === 10 ? `${text}T00:00:00Z` : text;
  if (!isMoment(moment)) throw new TypeError("--after: a time looks like 2026-01-31 or 2026-01-31T00:00:00Z");
  return moment;
}

// What a file holds writes no lines of its own, and moves no cursor.
const visible = (text) => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u${character.codePointAt(0).toString(16).padStart(4, "0")}`);

function print({ valid, code, detail, checks, ...found }, asJson) {
  if (asJson) {
    console.log(JSON.stringify({ valid, code, detail, ...found, checks }));
    return;
  }
  const marks = { ok: "ok  ", warn: "note", fail: "FAIL", skipped: "-   " };
  for (const { name, state, text } of checks) console.log(`${marks[state]}  ${visible(name).padEnd(10)}  ${visible(text)}`);
  console.log(`${valid ? "valid" : "INVALID"}: ${code} (${visible(detail)})`);
}

module.exports = { verify };
if (require.main === module) {
  try {
    process.exitCode = main();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 2;
  }
}
