// Who signed: recovery of the key of an ECDSA signature over secp256k1 (SEC 1, 4.1.6), and Ethereum's addresses.
// There is no secret in it, so that it need not take the same time for all numbers.
import { fromHex, keccak256, toHex, utf8 } from "./hashes.mjs";
import { need } from "./refusal.mjs";

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
export function recoverAddress(digest, signature) {
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
export function checksummed(digits) {
  const hash = toHex(keccak256(utf8(digits)));
  return `0x${Array.from(digits, (digit, i) => (hash[i] >= "8" ? digit.toUpperCase() : digit)).join("")}`;
}

export const ZERO_ADDRESS = `0x${"0".repeat(40)}`;

// The EIP-55 form of an address; null if it is none that anybody can own, or fails its own checksum.
export function addressOf(text) {
  if (typeof text !== "string" || !/^0x[0-9a-fA-F]{40}$/.test(text) || text === ZERO_ADDRESS) return null;
  const digits = text.slice(2);
  const right = checksummed(digits.toLowerCase());
  return [digits.toLowerCase(), digits.toUpperCase(), right.slice(2)].includes(digits) ? right : null;
}
