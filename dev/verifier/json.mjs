// JSON that can be read in one way only, and its canonical form (RFC 8785).
import { sha256, toHex, utf8 } from "./hashes.mjs";
import { Refusal, need } from "./refusal.mjs";

export const MOST_BYTES = 4 * 2 ** 20;
const MOST_LEVELS = 16;
const MOST_KEYS = 1000;
const MOST_DIGITS = 25;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const SPACE = /[ \t\n\r]*/y;

// For each object or list, the keys of numbers that were written with a point or an exponent: 1.0 is no whole number.
const fractions = new WeakMap();
export const isWhole = (container, key) => Number.isInteger(container[key]) && !fractions.get(container)?.has(key);

export function readJson(bytes, { most = MOST_BYTES } = {}) {
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
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

export const digestOf = (value) => toHex(sha256(utf8(canonical(value))));

export function without(object, ...names) {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}
