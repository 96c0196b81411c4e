// Ed25519 (RFC 8032), verified: what logs and their witnesses sign with; and SHA-512 (FIPS 180-4), which it needs.
// There is no secret in it, so that it need not take the same time for all numbers.
import { fromHex, joined } from "./hashes.mjs";

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

export function sha512(bytes) {
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
export function isEd25519(key, message, signature) {
  const point = key.length === ED_BYTES && signature.length === 2 * ED_BYTES ? edPoint(key) : null;
  const scalar = littleEndian(signature.slice(ED_BYTES));
  if (!point || scalar >= ED_ORDER) return false;
  const challenge = littleEndian(sha512(joined(signature.slice(0, ED_BYTES), key, message))) % ED_ORDER;
  const [x, y, z, t] = point;
  const found = edBytes(edAdded(edTimes(scalar, ED_BASE), edTimes(challenge, [edMod(-x), y, z, edMod(-t)])));
  return found.every((byte, i) => byte === signature[i]);
}
