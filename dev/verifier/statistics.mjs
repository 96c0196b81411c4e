// Exact tests and intervals from counts, in double precision.
import { MILLION, e6 } from "./refusal.mjs";

// Up to here what rounding to a millionth leaves open; double precision may lie a thousandth of that beside it.
const SLACK = 1e-3;
export const isRounded = (value, stated) => Math.abs(value * MILLION - stated) <= 0.5 + SLACK;

const logFactorials = [0];
export function logFactorial(n) {
  if (n >= 4096) { // Stirling's series
    return (n + 0.5) * Math.log(n) - n + Math.log(2 * Math.PI) / 2 + 1 / (12 * n) - 1 / (360 * n ** 3);
  }
  for (let i = logFactorials.length; i <= n; i++) logFactorials.push(logFactorials[i - 1] + Math.log(i));
  return logFactorials[n];
}

const logWays = (n, k) => logFactorial(n) - logFactorial(k) - logFactorial(n - k);

// Two-sided: were the discordant pairs a fair coin's (McNemar 1947, binomial form).
export function mcNemar(wins, losses) {
  let [term, tail] = [-(wins + losses) * Math.LN2, 0]; // logarithms: of many pairs each outcome is too rare for a number
  for (let k = 0; k <= Math.min(wins, losses); k++) {
    tail += Math.exp(term);
    term += Math.log(wins + losses - k) - Math.log(k + 1);
  }
  return Math.min(1, 2 * tail);
}

export const signTest = (groups) => Math.min(1, 2 * 0.5 ** groups);

// The adjusted Wald interval of a difference of paired rates (Bonett and Price 2012).
export function bonettPrice(wins, losses, n, alpha) {
  const [up, down] = [(wins + 1) / (n + 2), (losses + 1) / (n + 2)];
  const half = normalQuantile(alpha / 2) * Math.sqrt((up + down - (up - down) ** 2) / (n + 2));
  return [Math.max(-1, up - down - half), Math.min(1, up - down + half)];
}

// The hybrid score interval of a change between two rates, each as [good, of all] (Newcombe 1998, method 10).
export function newcombe([good0, n0], [good1, n1], alpha) {
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
export function fisher([good0, bad0], [good1, bad1]) {
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
export function isInterval([low, high], confidence, formulas) {
  const ends = formulas.flatMap((formula) => [-0.5, 0.5].map((half) => formula((MILLION - confidence + half) / MILLION)));
  const holds = (stated, found) =>
    stated >= Math.min(...found) * MILLION - 0.5 - SLACK && stated <= Math.max(...found) * MILLION + 0.5 + SLACK;
  return holds(low, ends.map((end) => end[0])) && holds(high, ends.map((end) => end[1]));
}

// The numbers of ones among n values of 0 or 1 whose mean, rounded, is this many millionths: the least and the most.
export const onesBehind = (mean, n) => [
  Math.max(0, Math.ceil(((2 * mean - 1) * n) / (2 * MILLION))), Math.min(n, Math.floor(((2 * mean + 1) * n) / (2 * MILLION))),
];

// Where a mean in [-1, 1] may lie if what so few groups missed is as bad, or as good, as can be: the rule of three in
// its exact form (Hanley and Lippman-Hand 1983). `largest` is the size of the largest group in mean sizes.
export function allowingForTheUnseen(mean, groups, alpha, largest = 1) {
  const missed = 1 - (alpha / 2) ** (1 / groups);
  return [-1, 1].map((worst) => ((1 - missed) * mean + worst * missed * largest) / (1 - missed + missed * largest));
}

// The same for a mean in [0, 1], as a distance.
export function hidden(mean, keys, alpha) {
  const [low, high] = allowingForTheUnseen(2 * mean - 1, keys, alpha);
  return Math.max(mean - (low + 1) / 2, (high + 1) / 2 - mean);
}

// What a p-value by resampling is at least where the exact one is: six standard errors of the fewest resamples below.
export const leastResampled = (exact) => exact - 6 * Math.sqrt(exact / 9_999);
export const LEAST_RESAMPLED_E6 = 10;

// How many standard deviations the upper tail of this probability begins at.
export function normalQuantile(tail) {
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
export function betaCdf(a, b, x) {
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
export function betaQuantile(a, b, share) {
  let [low, high] = [0, 1];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    [low, high] = betaCdf(a, b, middle) < share ? [middle, high] : [low, middle];
  }
  return low;
}
