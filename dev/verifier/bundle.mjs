// A recompute bundle: the evidence made anew from the scores of the sealed examples, whose digest is signed.
import { isDigest, isMoment } from "./form.mjs";
import { digestOf, readJson } from "./json.mjs";
import { MILLION, e6, need, roundedRatio, sum } from "./refusal.mjs";
import { allowingForTheUnseen, bonettPrice, mcNemar, signTest } from "./statistics.mjs";
import { foldTrial } from "./trial.mjs";

const MOST_BUNDLE_BYTES = 256 * 2 ** 20;
const needBundle = (holds, what) => need(holds, "BUNDLE_INVALID", what);
const between = (value, least, most) => typeof value === "number" && value > least && value < most;
const hasOnly = (object, names) => object !== null && typeof object === "object" && Object.keys(object).sort().join() === names;

export const readBundle = (bytes) => readJson(bytes, { most: MOST_BUNDLE_BYTES });

// Returns what was made anew, and what was not, in a sentence.
export function checkBundle(document, bundle) {
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
