// A trial: from the scores of its windows to its verdict, in their order; the first crossing decides.
import { CELL, firstLook, logWealth, lowerBound } from "./betting.mjs";
import { time } from "./form.mjs";
import { MILLION, e6, roundedRatio } from "./refusal.mjs";

// What the windows show together. An example is [digest, [unit, ...what it shares], score before, score after].
export function foldTrial(windows, policy) {
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
