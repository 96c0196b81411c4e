// The form of a document, field by field: what docs/schemas/attestation.schema.json says, and what it cannot say.
import { isWhole } from "./json.mjs";
import { MILLION, Refusal, e6, need } from "./refusal.mjs";
import { addressOf } from "./secp256k1.mjs";

const BEYOND = 2 ** 53;
const UNFIT = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/u;
// Counted as letters or marks, and seen by nobody: fillers, joiners, variation selectors, the blank of Braille.
const UNSEEN = /[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\u{e0100}-\u{e01ef}]/u;
const MOMENT = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d{3})?Z$/;

// A form is a function of a container and a key that says whether the value there has it.
const of = (holds) => (container, key) => holds(container[key]);
const matching = (pattern) => of((value) => typeof value === "string" && pattern.test(value));
const oneOf = (...values) => of((value) => values.includes(value));
const orNull = (form) => (container, key) => container[key] === null || form(container, key);
const whole = (least, most) => (container, key) => isWhole(container, key) && container[key] >= least && container[key] <= most;
const flag = of((value) => typeof value === "boolean");
const count = whole(0, BEYOND - 1);
const positive = whole(1, BEYOND - 1);
const millionths = whole(-MILLION, MILLION);
const digest = matching(/^[0-9a-f]{64}$/);
const moment = of(isMoment);
const address = of((value) => addressOf(value) === value);
export const isDigest = (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
const text = of((value) => typeof value === "string" && value !== "" && [...value].length <= 200 &&
  value.trim() === value && value.normalize("NFC") === value && !UNFIT.test(value) && !UNSEEN.test(value));

// Numbers that are not whole are k / 10^6.
const number = (least, most) => of((value) =>
  typeof value === "number" && value >= least && value <= most && Math.abs(value) <= 1e9 && e6(value) / MILLION === value);
const metrics = of((value) => isObject(value) && Object.keys(value).length <= 100 &&
  Object.keys(value).every((name) => text([name], 0) && number(-1e9, 1e9)(value, name)));

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

// "field?" may be left out; nothing else may stand there.
function section(fields) {
  const forms = new Map(Object.entries(fields).map(([name, form]) => [name.replace("?", ""), form]));
  const must = Object.keys(fields).filter((name) => !name.endsWith("?"));
  return (container, key) => {
    const value = container[key];
    if (!isObject(value)) throw new Refusal("BAD_SCHEMA", `${key} is no object`);
    for (const name of must) need(Object.hasOwn(value, name), "BAD_SCHEMA", `${key} lacks ${name}`);
    for (const name of Object.keys(value)) {
      need(forms.has(name), "BAD_SCHEMA", `${key} has a field that is unknown`);
      need(forms.get(name)(value, name), "BAD_SCHEMA", `${key}.${name} has another form`);
    }
    return true;
  };
}

const listOf = (form, least, most) => of((value) => Array.isArray(value) && value.length >= least && value.length <= most &&
  value.every((_, i) => form(value, i)));

const span = section({ start: moment, end: moment });
const signature = section({ type: oneOf("eip712"), signer: address, signature: matching(/^0x[0-9a-f]{130}$/) });
const shared = {
  verdict: oneOf("promote"), claim: oneOf("significant", "proven"), metric: text, delta_e6: millionths, ci_low_e6: millionths,
  ci_high_e6: millionths, p_value_e6: whole(0, MILLION), confidence_e6: whole(MILLION / 2 + 1, MILLION),
  threshold_e6: whole(1, MILLION - 1),
};
const EVIDENCE = {
  offline: section({
    kind: oneOf("offline"), ...shared, test: oneOf("mcnemar_exact", "sign_flip", "sign", "betting_mixture", "off_policy_t"),
    interval: oneOf("bonett_price", "bca_unseen", "unseen", "bca", "degenerate", "confidence_sequence", "off_policy_unseen"),
    n: positive, n_groups: positive, wins: count, losses: count, ties: count, "metric_version?": whole(2, Infinity),
    "trial?": section({
      trial_id: digest, number: positive, windows: positive, opened: span, level_e6: whole(1, MILLION - 1), "relatives?": positive,
    }),
    "scores_digest?": digest, "compared?": oneOf("agreement", "reference", "outcome"),
  }),
  online: section({
    kind: oneOf("online"), ...shared, test: oneOf("fisher_exact", "permutation", "delta_method"),
    interval: oneOf("newcombe", "delta_method_unseen"), n_baseline: positive, n_optimized: positive,
    keys_baseline: positive, keys_optimized: positive, missing_baseline: count, missing_optimized: count, observed: span,
    "weeks?": positive, "missing_are?": oneOf("bounds", "at_random", "zero_after_maturity"), "scores_digest?": digest,
  }),
};
const evidence = (container, key) => Object.hasOwn(EVIDENCE, container[key]?.kind) && EVIDENCE[container[key].kind](container, key);

const DOCUMENT = section({
  schema_version: oneOf("1.0"),
  attestation_type: oneOf("teleprompt_optimization"),
  attestation_id: matching(/^[0-9a-f]{12}$/),
  timestamp: moment,
  model_info: section({ model_id: text, baseline_version: text, optimized_version: text, optimization_strategy: text }),
  performance: section({
    deltaone_achieved: flag, performance_delta: number(-1e9, 1e9), baseline_metrics: metrics, optimized_metrics: metrics,
  }),
  optimization_metadata: section({
    trace_count: count, optimization_time_seconds: number(0, 1e9), outcome_metric: text, date_range: span,
  }),
  contributors: listOf(section({
    contributor_id: text, address: orNull(address), weight: number(0, 1), trace_count: count,
    "quarantine?": oneOf("no_address", "address_conflict"),
    "used?": section({ train: count, select: count, gate: count, demos: count }),
    "value_e6?": whole(1 - BEYOND, BEYOND - 1), "error_e6?": count,
  }), 1, 10_000),
  attestation_hash: digest,
  "weighting_method?": text,
  "evidence?": evidence,
  "data?": section({ snapshot_digest: digest, split_digest: digest, "traces_root?": digest, "traces_count?": count }),
  "program?": section({ baseline_digest: digest, optimized_digest: digest, code_digest: digest }),
  "credit?": section({ "cap_e6?": whole(1, MILLION), unpayable: oneOf("hold_back", "share") }),
  "proof?": (container, key) =>
    Array.isArray(container[key]) ? listOf(signature, 2, 20)(container, key) : signature(container, key),
});

export const checkForm = (document) => DOCUMENT({ document }, "document");

const TRUST_LIST = section({
  list_type: oneOf("teleprompt_signers"), signers_version: oneOf("1.0"), number: positive, published_at: moment,
  signers: listOf(section({
    address, valid_from: moment, "valid_until?": moment,
    "revoked?": section({ at: moment, why: text, documents: listOf(digest, 0, 10_000) }),
  }), 0, 1_000),
  revoked_documents: listOf(section({ attestation_hash: digest, at: moment, why: text }), 0, 10_000),
  "proof?": listOf(signature, 0, 20),
  "log?": section({ key: matching(/^.{1,400}$/su), witnesses: listOf(matching(/^.{1,400}$/su), 0, 20) }),
});

export const checkListForm = (list) => TRUST_LIST({ list }, "list");

// Times are UTC, to the second or the thousandth, on a day that the calendar has.
export function isMoment(value) {
  const [, year, month, day, hour, minute, second] = (typeof value === "string" && MOMENT.exec(value)) || [];
  if (year === undefined || year === "0000" || hour > 23 || minute > 59 || second > 59) return false;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), month - 1, Number(day));
  return month >= 1 && date.getUTCMonth() === month - 1 && date.getUTCDate() === Number(day);
}

export const time = (moment) => Date.parse(moment);
