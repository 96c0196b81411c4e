// Bets on bounded differences, and the exact test of a trial's opening window: what they show of scores, and what so
// many wins can have shown at most.
import { MILLION } from "./refusal.mjs";
import { betaQuantile, logFactorial } from "./statistics.mjs";

// Shares of the wealth, evenly spaced by their ratio; each has the same weight.
const BETS = Array.from({ length: 14 }, (_, k) => 0.03 * (0.8 / 0.03) ** (k / 13));
const MOST_PAIRS = 1_000;
export const CELL = MILLION / 100;

// Natural logarithm of the wealth of bets against a mean of `null_e6`, for [difference in millionths, weight] of each
// cell (Waudby-Smith and Ramdas 2024): a bet is on (x - m) / (1 + m), which is at least -1 wherever m is.
export function logWealth(cells, null_e6) {
  const logs = BETS.map((bet) => cells.reduce((log, [difference, weight]) =>
    weight ? log + weight * Math.log1p(bet * ((difference + MILLION) / (MILLION + null_e6) - 1)) : log, 0));
  const most = Math.max(...logs);
  return most + Math.log(logs.reduce((all, log) => all + Math.exp(log - most), 0) / BETS.length);
}

// The smallest mean in millionths, `known` or above, against which the logarithm is below `boundary`.
export function lowerBound(cells, boundary, known) {
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
export function mostLogWealth({ n_groups: units, wins, delta_e6: delta }, null_e6) {
  const won = Math.min(wins, units);
  const each = Math.min(MILLION, Math.ceil((delta * units) / won));
  const [cell, rest] = [Math.floor(each / CELL) * CELL, (each % CELL) / CELL];
  return logWealth([[cell, (1 - rest) * won], [cell + CELL, rest * won], [0, units - won]], null_e6);
}

// One-sided exact unconditional p-value that wins are no likelier than losses (Suissa and Shuster 1991): the highest
// over the share of pairs that differ. Of many pairs it is McNemar's.
export function pOfNoGain(wins, losses, pairs) {
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
export function firstBound(wins, losses, pairs, error) {
  if (!wins) return -1;
  const won = betaQuantile(wins, losses + 1, error * 0.9);
  const differ = betaQuantile(wins + losses, pairs - wins - losses + 1, error * 0.1);
  return won > 0.5 ? differ * (2 * won - 1) : -1;
}

// The p-value that the mean difference is at most `null_e6`, and a lower bound of it in millionths; one error for both.
export function firstLook(wins, losses, pairs, { null_e6, error }) {
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
