// What the fields of a document say of each other, beside its evidence and its credit.
import { time } from "./form.mjs";
import { digestOf, without } from "./json.mjs";
import { e6, need, points } from "./refusal.mjs";

const DEFAULT_THRESHOLD_E6 = 10_000;

export function checkHash(document) {
  const content = without(document, "attestation_hash", "proof");
  need(digestOf(content) === document.attestation_hash, "HASH_MISMATCH", "the content is not what was hashed");
  need(digestOf(without(content, "attestation_id")).slice(0, 12) === document.attestation_id,
    "ID_MISMATCH", "the id does not follow from the content");
  return `the content has the hash ${document.attestation_hash} and the id ${document.attestation_id}`;
}

export function checkDates({ timestamp, optimization_metadata: { date_range: range } }) {
  need(time(range.start) < time(range.end), "BAD_DATES", "date_range is empty");
  need(time(timestamp) >= time(range.end), "BAD_DATES", "timestamp lies before the end of date_range");
  const year = Number(timestamp.slice(0, 4));
  need(year >= 2020 && year < 2100, "BAD_DATES", "timestamp is not of the years 2020 to 2099");
  return `decided ${timestamp}, on traces from ${range.start} to ${range.end}`;
}

export function checkPrograms({ model_info: info, program }) {
  need(info.baseline_version !== info.optimized_version, "SAME_PROGRAM", "baseline and optimized version are the same");
  need(!program || program.baseline_digest !== program.optimized_digest, "SAME_PROGRAM", "baseline and optimized program are the same");
  return `${info.model_id}, from version ${info.baseline_version} to ${info.optimized_version}`;
}

export const headlineMetric = (document) => document.evidence?.metric ?? document.optimization_metadata.outcome_metric;

export function checkGain(document) {
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
