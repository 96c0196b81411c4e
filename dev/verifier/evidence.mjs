// Whether the figures of `evidence` can be what a gate found: counts bound the gain, and fix what is exact.
import { firstBound, mostLogWealth, pOfNoGain } from "./betting.mjs";
import { time } from "./form.mjs";
import { MILLION, e6, need, points, sum } from "./refusal.mjs";
import {
  LEAST_RESAMPLED_E6, allowingForTheUnseen, bonettPrice, fisher, hidden, isInterval, isRounded, leastResampled, logFactorial,
  mcNemar, newcombe, onesBehind, signTest,
} from "./statistics.mjs";

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
export function checkEvidence(document) {
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
