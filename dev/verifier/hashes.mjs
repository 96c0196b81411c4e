// SHA-256 (FIPS 180-4) and Keccak-256, as Ethereum uses it: of bytes, as bytes.

const WORDS = 0x100000000;

export const utf8 = (text) => new TextEncoder().encode(text);
export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export function fromHex(text) {
  const digits = text.replace(/^0x/, "");
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

export function joined(...parts) {
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

export function sha256(bytes) {
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

export function keccak256(bytes) {
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
