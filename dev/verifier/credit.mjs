// Whether contributors, counts and weights fit each other, and dividing a whole number fairly.
import { utf8 } from "./hashes.mjs";
import { MILLION, e6, need, sum } from "./refusal.mjs";

const METHODS = ["deduplicated_count", "quality_weighted", "leave_one_out", "group_shapley"];

// Returns what was found, in a sentence.
export function checkCredit(document) {
  const { contributors: people, weighting_method: method, credit } = document;
  const weights = people.map((person) => e6(person.weight));
  need(sum(weights) === MILLION, "WEIGHTS_SUM", "the weights do not sum to 1");
  const [ids, addresses] = [people.map((person) => person.contributor_id), people.map((person) => person.address).filter(Boolean)];
  need(new Set(ids).size === ids.length && new Set(addresses).size === addresses.length,
    "DUPLICATE_CONTRIBUTOR", "a contributor or an address stands twice");
  if (credit) checkMethod(people, method);
  const known = credit !== undefined || method === "deduplicated_count";
  if (known) {
    const expected = weightsOf(people, credit?.cap_e6);
    need(weights.every((weight, i) => weight === expected[i]), "WEIGHTS_SUM", "the weights do not follow from what they are in proportion to");
  }
  checkCounts(document);
  const follow = known ? `; they follow from ${method === "deduplicated_count" ? "the counts of traces" : "the values that are stated"}` : "";
  return `the weights of ${people.length === 1 ? "one contributor" : `${people.length} contributors`} sum to 1${follow}`;
}

function checkMethod(people, method) {
  need(METHODS.includes(method), "WEIGHTS_SUM", "weighting_method is none that is known");
  need(people.every((person) => (person.address === null) === (person.quarantine !== undefined)),
    "QUARANTINE_MISMATCH", "who has no address says why, and who has one is not quarantined");
  const estimated = method === "leave_one_out" || method === "group_shapley";
  for (const { value_e6, error_e6, trace_count } of people) {
    need((value_e6 === undefined) === (method === "deduplicated_count") && (error_e6 !== undefined) === estimated,
      "WEIGHTS_SUM", "value_e6 or error_e6 does not fit weighting_method");
    need(method !== "quality_weighted" || (value_e6 >= 0 && value_e6 <= trace_count * MILLION),
      "WEIGHTS_SUM", "a sum of scores lies outside its traces");
  }
}

function checkCounts({ contributors: people, optimization_metadata: { trace_count: total }, data }) {
  need(sum(people.map((person) => person.trace_count)) === total, "COUNT_MISMATCH", "the contributors' traces do not add up to trace_count");
  need((data?.traces_root === undefined) === (data?.traces_count === undefined), "COUNT_MISMATCH", "traces_root and traces_count stand together");
  need([undefined, total].includes(data?.traces_count), "COUNT_MISMATCH", "traces_count is not trace_count");
  for (const { used, trace_count } of people.filter((person) => person.used)) {
    need(used.train + used.select + used.gate === trace_count, "COUNT_MISMATCH", "where traces were used does not add up to trace_count");
    need(used.demos <= used.train, "COUNT_MISMATCH", "more demonstrations than traces to learn from");
  }
}

// Millionths in proportion to what each brought. With a cap nobody gets more: what is above it goes to the others in
// proportion, until none is above; one that is too low to hold everything is raised to an equal share.
function weightsOf(people, cap_e6) {
  const shares = people.map(({ trace_count, value_e6 }) => BigInt(Math.max(0, value_e6 ?? trace_count)));
  const several = shares.filter((share) => share).length;
  need(several, "WEIGHTS_SUM", "nobody brought anything");
  const names = people.map(tieBreak);
  if (cap_e6 === undefined) return largestRemainder(BigInt(MILLION), shares, names).map(Number);
  const cap = BigInt(Math.max(cap_e6, Math.ceil(MILLION / several)));
  let [rest, others] = [BigInt(MILLION), total(shares)];
  const full = new Set();
  for (const i of shares.map((_, i) => i).sort((a, b) => (shares[a] < shares[b]) - (shares[a] > shares[b]))) {
    if (shares[i] * rest <= cap * others) break;
    full.add(i);
    [rest, others] = [rest - cap, others - shares[i]];
  }
  const below = shares.map((share, i) => (full.has(i) ? 0n : share));
  need(others, "WEIGHTS_SUM", "nobody below the cap brought anything");
  const parts = largestRemainder(rest, below, names);
  return parts.map((part, i) => Number(full.has(i) ? cap : part));
}

export const tieBreak = (person) => utf8(`${(person.address ?? "").toLowerCase()}|${person.contributor_id}`);
export const total = (values) => values.reduce((all, value) => all + value, 0n);

// Whole numbers in proportion to `shares` that sum to `amount` exactly: what flooring leaves goes, one each, to the
// largest remainders, of equal ones to the smaller name.
export function largestRemainder(amount, shares, names) {
  const whole = total(shares);
  const parts = shares.map((share) => (amount * share) / whole);
  const remainders = shares.map((share) => (amount * share) % whole);
  const order = shares.map((_, i) => i).sort((a, b) =>
    remainders[a] === remainders[b] ? compareBytes(names[a], names[b]) : remainders[a] > remainders[b] ? -1 : 1);
  for (const i of order.slice(0, Number(amount - total(parts)))) parts[i] += 1n;
  return parts;
}

export function compareBytes(one, other) {
  const differs = one.findIndex((byte, i) => byte !== other[i]);
  return differs < 0 ? one.length - other.length : one[differs] - (other[differs] ?? -1);
}
