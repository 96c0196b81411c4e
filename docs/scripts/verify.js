// Check an attestation and proofs against it with npm packages alone; none of this project's code is used.
//
//   npm install ethers@6 @openzeppelin/merkle-tree@1        (Node 20 or later)
//   node verify.js [--signer 0x…]... [--threshold N] ATTESTATION_FILE [PROOF_FILE ...]
//
// --signer names an address that you trust; of those named so many as --threshold (1) must have signed. Without it the
// document only shows that the key it names signed it, and whose key that is remains open. Exit status 0: all that is
// printed holds. 1: something does not. What `teleprompt attest verify` checks beside this: the form of each field,
// whether the weights follow from what they are in proportion to, and what counts allow where tests resample or bet.
const { createHash } = require("crypto");
const { readFileSync } = require("fs");
const { parseArgs } = require("util");
const { getAddress, verifyTypedData } = require("ethers");
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");

const DOMAIN = { name: "Teleprompt Attestation", version: "1" };
const TYPES = {
  Attestation: [
    { name: "attestationId", type: "string" },
    { name: "attestationHash", type: "bytes32" },
    { name: "modelId", type: "string" },
    { name: "optimizedVersion", type: "string" },
    { name: "signer", type: "address" },
  ],
};
// What stands in the document, and what may stand there ("?").
const FIELDS = {
  document: "schema_version attestation_type attestation_id timestamp model_info performance optimization_metadata " +
    "contributors attestation_hash weighting_method? evidence? data? program? credit? proof?",
  model_info: "model_id baseline_version optimized_version optimization_strategy",
  performance: "deltaone_achieved performance_delta baseline_metrics optimized_metrics",
  optimization_metadata: "trace_count optimization_time_seconds outcome_metric date_range",
  data: "snapshot_digest split_digest traces_root? traces_count?",
  program: "baseline_digest optimized_digest code_digest",
  credit: "unpayable cap_e6?",
};
const CONTRIBUTOR = "contributor_id address weight trace_count quarantine? used? value_e6? error_e6?";
const SIGNATURE = "type signer signature";
const REWARD = "type attestation_hash root proof leaf_encoding leaf total";
const TRACE = "type attestation_hash root proof leaf_encoding leaf salt trace";

const matches = (pattern, value) => typeof value === "string" && pattern.test(value);
const HASH = /^0x[0-9a-f]{64}$/;
const UNITS = /^(0|[1-9][0-9]{0,77})$/;
const ZERO = `0x${"0".repeat(40)}`;
const MILLION = 1_000_000;

// ---- reading: what JSON.parse would repair is refused

function parse(bytes) {
  need(bytes.length <= 4 * 2 ** 20, "it has at most 4 MB");
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  const value = JSON.parse(text);
  checkTokens(text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g));
  return value;
}

function checkTokens(tokens) {
  const open = []; // for each object its keys, for each list null
  for (const [i, token] of tokens.entries()) {
    if (token === "{" || token === "[") need(open.push(token === "{" ? new Set() : null) <= 16, "it is 16 levels deep at most");
    else if (token === "}" || token === "]") open.pop();
    else if (token[0] === '"') {
      const text = JSON.parse(token);
      need(text.isWellFormed(), "text is Unicode");
      if (tokens[i + 1] === ":") need(open.at(-1).size < open.at(-1).add(text).size, `${token} stands once`);
    } else if (/^[-0-9]/.test(token)) {
      const exact = /[.eE]/.test(token) ? Number.isFinite(Number(token)) : Number.isSafeInteger(Number(token));
      need(exact && token.length <= 25 && token !== "-0", "numbers are exact");
    }
  }
}

// RFC 8785 takes numbers and strings as ECMAScript writes them, and sorts keys by UTF-16 code units.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

const sha256 = (value) => createHash("sha256").update(canonical(value)).digest("hex");

function need(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`);
}

function needFields(section, fields, name) {
  const may = fields.split(" ").map((field) => field.replace("?", ""));
  const must = fields.split(" ").filter((field) => !field.endsWith("?"));
  need(section !== null && typeof section === "object" && !Array.isArray(section), `${name} is an object`);
  need(Object.keys(section).every((key) => may.includes(key)) && must.every((key) => Object.hasOwn(section, key)),
    `${name} holds ${fields}`);
  need(may.every((key) => must.includes(key) || section[key] !== null), `${name}: left out, not null`);
}

// ---- the document

function checkContent(document) {
  needFields(document, FIELDS.document, "the document");
  need(document.schema_version === "1.0" && document.attestation_type === "teleprompt_optimization", "version 1.0");
  for (const [name, fields] of Object.entries(FIELDS)) {
    if (Object.hasOwn(document, name)) needFields(document[name], fields, name);
  }
  const { attestation_hash, proof, ...content } = document;
  need(sha256(content) === attestation_hash, "attestation_hash is the content's");
  const { attestation_id, ...rest } = content;
  need(sha256(rest).slice(0, 12) === attestation_id, "attestation_id is the content's");
}

function checkFigures(document) {
  const { timestamp, model_info, performance, optimization_metadata, contributors, evidence, data, program } = document;
  const range = optimization_metadata.date_range;
  need(Date.parse(range.start) < Date.parse(range.end), "the window has a length");
  need(model_info.baseline_version !== model_info.optimized_version, "the versions differ");
  need(program?.baseline_digest !== program?.optimized_digest || !program, "the programs differ");

  need(Date.parse(timestamp) >= Date.parse(range.end), "it was written after its window");
  need(timestamp >= "2020" && timestamp < "2100", "it was written in this age");

  const { baseline_metrics: before, optimized_metrics: after, performance_delta } = performance;
  const metric = evidence?.metric ?? optimization_metadata.outcome_metric;
  const [delta, threshold] = [e6(performance_delta), evidence?.threshold_e6 ?? 10_000];
  need(canonical(Object.keys(before).sort()) === canonical(Object.keys(after).sort()), "both have the same metrics");
  need(Object.hasOwn(before, metric) && e6(after[metric]) - e6(before[metric]) === delta, "the gain is the metrics' difference");
  need([before[metric], after[metric]].every((mean) => mean >= 0 && mean <= 1), "scores lie in [0, 1]");
  need(performance.deltaone_achieved === delta >= threshold, "deltaone_achieved says whether it reaches the threshold");
  if (evidence) {
    need(evidence.verdict === "promote" && delta >= threshold && evidence.delta_e6 === delta, "the evidence has this gain");
    checkEvidence(document, [e6(before[metric]), e6(after[metric])]);
  }

  const total = optimization_metadata.trace_count;
  const addresses = contributors.map((person) => person.address).filter((address) => address !== null);
  for (const person of contributors) {
    needFields(person, CONTRIBUTOR, "a contributor");
    need(person.address === null || (person.address !== ZERO && getAddress(person.address) === person.address),
      "addresses stand in their EIP-55 form");
    need(person.weight >= 0 && e6(person.weight) / MILLION === person.weight, "weights are millionths");
  }
  need(sum(contributors.map((person) => e6(person.weight))) === MILLION, "the weights sum to 1");
  need(new Set(contributors.map((person) => person.contributor_id)).size === contributors.length &&
    new Set(addresses).size === addresses.length, "everybody stands once");
  need(sum(contributors.map((person) => person.trace_count)) === total, "the contributors' traces add up");
  need((data?.traces_root === undefined) === (data?.traces_count === undefined), "a root has a count");
  need([undefined, total].includes(data?.traces_count), "traces_count is trace_count");
}

// ---- evidence: counts bound the gain, and fix what is exact

function checkEvidence({ timestamp, optimization_metadata, contributors, evidence }, means) {
  const { ci_low_e6: low, ci_high_e6: high, delta_e6: delta, confidence_e6, p_value_e6: p } = evidence;
  need(low > 0 && low <= high, "the interval lies above 0");
  need(low - 1 <= delta && delta <= high + 1, "the interval holds the gain");
  need(evidence.claim === (low >= evidence.threshold_e6 ? "proven" : "significant"), "the interval has this claim");
  need(confidence_e6 >= 625_000 && confidence_e6 < MILLION && p >= 0 && p <= MILLION - confidence_e6, "p is below alpha");
  need(INTERVALS[evidence.test]?.includes(evidence.interval), "test and interval belong together");
  if (evidence.kind === "online") return checkOnline(evidence, timestamp, means);

  const { n, n_groups, wins, losses, ties, test, trial } = evidence;
  need([n, n_groups, wins, losses, ties].every((count) => Number.isSafeInteger(count) && count >= 0), "counts are counts");
  need(wins + losses + ties === n && wins > 0, "wins, losses and ties add up");
  need(n_groups >= 1 && n_groups <= n && n <= optimization_metadata.trace_count, "there are traces for the examples");
  need(n <= sum(contributors.map(({ used, trace_count }) => used?.gate ?? trace_count)), "so many traces were sealed");
  need((trial !== undefined) === (test === "betting_mixture"), "bets add up in a trial");
  if (trial) checkTrial(evidence, optimization_metadata.date_range);
  const of = trial ? n_groups : n;
  need((delta - 1) * of <= Math.min(wins, of) * MILLION, "so many wins can give the gain");
  if (test === "mcnemar_exact") checkMcNemar(evidence, means);
  if (test === "sign") need(wins === n && p === e6(Math.min(1, 2 * 0.5 ** n_groups)), "p is the sign test's");
  if (test === "sign_flip") need(p >= 10, "a resampled p has a least value");
}

const INTERVALS = {
  mcnemar_exact: ["bonett_price"], sign_flip: ["bca_unseen", "bca"], sign: ["unseen", "degenerate"],
  betting_mixture: ["confidence_sequence"], fisher_exact: ["newcombe"], permutation: ["delta_method_unseen"],
  delta_method: ["delta_method_unseen"],
};

function checkTrial({ trial, n, p_value_e6, confidence_e6 }, range) {
  const { number, windows, level_e6: level, opened } = trial;
  need(number >= 1 && level >= 1 && level <= Math.ceil(250_000 / (number * (number + 1))), "the level is one of its number");
  need(level <= MILLION - confidence_e6 + 1 && p_value_e6 <= level, "p is below the level, and that below alpha");
  need(windows >= 1 && windows <= n, "each window has an example");
  const [start, end, first, last] = [opened.start, opened.end, range.start, range.end].map(Date.parse);
  need(first <= start && start < end && end <= last, "the opening window lies in date_range");
}

// McNemar's exact test, and the interval of Bonett and Price (2012).
function checkMcNemar({ n, n_groups, wins, losses, ties, delta_e6, p_value_e6, ...evidence }, means) {
  need(n_groups === n, "examples are independent");
  need(Math.abs(delta_e6 * n - (wins - losses) * MILLION) <= n, "the gain is that of wins and losses");
  let [term, tail] = [-(wins + losses) * Math.LN2, 0]; // logarithms: of many pairs each outcome is too rare for a number
  for (let k = 0; k <= Math.min(wins, losses); k++) {
    tail += Math.exp(term);
    term += Math.log(wins + losses - k) - Math.log(k + 1);
  }
  need(p_value_e6 === e6(Math.min(1, 2 * tail)), "p is McNemar's");
  const [up, down] = [(wins + 1) / (n + 2), (losses + 1) / (n + 2)];
  const spread = Math.sqrt((up + down - (up - down) ** 2) / (n + 2));
  needInterval(evidence, (z) => [up - down - z * spread, up - down + z * spread]);
  const [before, after] = means.map((mean) => onesBehind(mean, n));
  const least = Math.max(before[0], after[0] - wins + losses, losses);
  need(least <= Math.min(before[1], after[1] - wins + losses, losses + ties), "right answers lead from one mean to the other");
}

function checkOnline(evidence, timestamp, means) {
  const { n_baseline: n0, n_optimized: n1, keys_baseline: keys0, keys_optimized: keys1, observed, p_value_e6 } = evidence;
  need([n0, n1, keys0, keys1].every((count) => Number.isSafeInteger(count) && count >= 1), "counts are counts");
  need(keys0 <= n0 && keys1 <= n1 && Math.max(n0, n1) <= 1e9, "there is a call for each key");
  need(Date.parse(observed.start) < Date.parse(observed.end), "the observed span has a length");
  need(Date.parse(observed.end) <= Date.parse(timestamp), "it was written after what was observed");
  const weeks = evidence.test === "delta_method";
  need(weeks === "weeks" in evidence && weeks === "missing_are" in evidence, "weeks belong to the delta method");
  if (weeks) {
    const span = Date.parse(observed.end) - Date.parse(observed.start);
    return need(keys0 > 1 && keys1 > 1 && evidence.weeks * 604_800_000 <= span, "the weeks were observed, of several keys");
  }
  if (evidence.test !== "fisher_exact") return need(p_value_e6 >= 10 && keys0 > 1 && keys1 > 1, "a resampled p has a least value");
  need(keys0 === n0 && keys1 === n1, "each key has one call");
  const [[good0, most0], [good1, most1]] = [onesBehind(means[0], n0), onesBehind(means[1], n1)];
  need(good0 <= most0 && good1 <= most1, "shares are k / n");
  if (good0 < most0 || good1 < most1) return; // of more than a million calls, six decimals do not tell the counts
  need(p_value_e6 === e6(fisher(good0, n0, good1, n1)), "p is Fisher's");
  needInterval(evidence, (z) => newcombe(good0 / n0, n0, good1 / n1, n1, z));
}

// The hybrid score interval (Newcombe 1998, method 10).
function newcombe(p0, n0, p1, n1, z) {
  const wilson = (p, n) => {
    const half = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
    return [-1, 1].map((sign) => (p + (z * z) / (2 * n) + sign * half) / (1 + (z * z) / n));
  };
  const [[low0, high0], [low1, high1]] = [wilson(p0, n0), wilson(p1, n1)];
  return [p1 - p0 - Math.hypot(p1 - low1, high0 - p0), p1 - p0 + Math.hypot(high1 - p1, p0 - low0)];
}

// Two-sided: all tables with these sums that are no likelier than this one.
function fisher(good0, n0, good1, n1) {
  const logs = new Float64Array(n0 + n1 + 1);
  for (let i = 2; i < logs.length; i++) logs[i] = logs[i - 1] + Math.log(i);
  const ways = (n, k) => logs[n] - logs[k] - logs[n - k];
  const good = good0 + good1;
  const chance = (k) => ways(n0, k) + ways(n1, good - k) - ways(n0 + n1, good);
  const limit = chance(good0) + 1e-9;
  let p = 0;
  for (let k = Math.max(0, good - n1); k <= Math.min(n0, good); k++) if (chance(k) <= limit) p += Math.exp(chance(k));
  return Math.min(1, p);
}

// The least and the most ones among n values of 0 or 1 with this mean in millionths.
const onesBehind = (mean, n) => [
  Math.max(0, Math.ceil(((2 * mean - 1) * n) / (2 * MILLION))), Math.min(n, Math.floor(((2 * mean + 1) * n) / (2 * MILLION))),
];

// The ends are those of the formula, for an error that is stated to a millionth.
function needInterval({ ci_low_e6, ci_high_e6, confidence_e6 }, formula) {
  const [wide, narrow] = [-0.5, 0.5].map((half) => formula(normalQuantile((MILLION - confidence_e6 + half) / MILLION / 2)));
  need(e6(Math.max(-1, wide[0])) - 1 <= ci_low_e6 && ci_low_e6 <= e6(narrow[0]) + 1 &&
    e6(narrow[1]) - 1 <= ci_high_e6 && ci_high_e6 <= e6(Math.min(1, wide[1])) + 1, "the interval follows from the counts");
}

// How many standard deviations the upper tail of this probability begins at.
function normalQuantile(tail) {
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

const e6 = (value) => Math.round(value * MILLION);
const sum = (values) => values.reduce((all, value) => all + value, 0);

function signersOf(document) {
  const proofs = Array.isArray(document.proof) ? document.proof : [document.proof];
  need(document.proof !== undefined && proofs.length > 0, "it is signed");
  need(!Array.isArray(document.proof) || (proofs.length >= 2 && proofs.length <= 20), "a list holds several signatures");
  const signers = proofs.map((proof) => {
    needFields(proof, SIGNATURE, "a signature");
    need(proof.type === "eip712" && matches(/^0x[0-9a-f]{128}1[bc]$/, proof.signature), "signatures have 65 bytes, v 27 or 28");
    const message = {
      attestationId: document.attestation_id,
      attestationHash: `0x${document.attestation_hash}`,
      modelId: document.model_info.model_id,
      optimizedVersion: document.model_info.optimized_version,
      signer: proof.signer,
    };
    const signer = verifyTypedData(DOMAIN, TYPES, message, proof.signature); // refuses a high s
    need(signer === proof.signer, `the signature is by ${signer}, and not by ${proof.signer}`);
    return signer;
  });
  need(signers.every((signer, i) => i === 0 || signers[i - 1].toLowerCase() < signer.toLowerCase()), "signers ascend");
  return signers;
}

// ---- proofs: what they must hold follows from the document, never from themselves

function checkProof(document, proof) {
  const isReward = proof.type === "reward";
  need(isReward || proof.type === "trace", "it proves a reward or a trace");
  needFields(proof, isReward ? REWARD : TRACE, "the proof");
  const types = isReward ? ["address", "uint256"] : ["bytes32", "address", "uint64"];
  const address = proof.leaf[types.indexOf("address")];
  need(proof.attestation_hash === document.attestation_hash, "it is of this attestation");
  need(canonical(proof.leaf_encoding) === canonical(types) && proof.leaf.length === types.length, "its leaf has this form");
  need(matches(UNITS, proof.leaf.at(-1)) && typeof proof.leaf[0] === "string", "its leaf is written in one way");
  need(address === ZERO || getAddress(address) === address, "its address stands in EIP-55 form");
  need(proof.proof.length <= 64 && proof.proof.every((sibling) => matches(HASH, sibling)), "its siblings are hashes");
  const root = isReward ? rewardRoot(document, proof) : traceRoot(document, proof);
  need(proof.root === root, `its root is the attestation's, ${root}`);
  need(StandardMerkleTree.verify(root, types, proof.leaf, proof.proof), "it leads to the root");
  const [what, amount] = [proof.leaf[0], proof.leaf.at(-1)];
  return isReward ? `${amount} of ${proof.total} base units are due to ${what}` : `trace ${proof.trace.trace_id} was used`;
}

function traceRoot({ data }, { leaf, salt, trace }) {
  need(matches(/^[0-9a-f]{64}$/, salt) && leaf[0] === `0x${sha256({ salt, trace })}`, "its leaf is of this salt and trace");
  need(trace.contributor_address === (leaf[1] === ZERO ? null : leaf[1]) && String(trace.score_e6) === leaf[2],
    "its leaf is of this trace");
  need(data?.traces_root, "the attestation has a tree of traces");
  return `0x${data.traces_root}`;
}

// The tree over what everybody is due of the total, by the weights that are signed. Largest remainder, ties by address.
function rewardRoot({ contributors, credit }, { total }) {
  need(matches(UNITS, total), "its total is a number of base units");
  let weights = contributors.map((person) => BigInt(e6(person.weight)));
  if (credit?.unpayable === "share") {
    const kept = contributors.map(({ address, quarantine }, i) =>
      address === null && quarantine === "no_address" ? 0n : weights[i]);
    if (kept.some((weight) => weight > 0n)) weights = kept;
  }
  const whole = weights.reduce((all, weight) => all + weight, 0n);
  const parts = weights.map((weight) => (BigInt(total) * weight) / whole);
  const rest = (i) => (BigInt(total) * weights[i]) % whole;
  const name = (i) => Buffer.from(`${(contributors[i].address ?? "").toLowerCase()}|${contributors[i].contributor_id}`);
  const order = weights.map((_, i) => i).sort((a, b) =>
    rest(a) === rest(b) ? Buffer.compare(name(a), name(b)) : rest(a) > rest(b) ? -1 : 1);
  const left = Number(BigInt(total) - parts.reduce((all, part) => all + part, 0n));
  for (const i of order.slice(0, left)) parts[i] += 1n;
  const leaves = contributors.map(({ address }, i) => [address, String(parts[i])])
    .filter(([address, amount]) => address !== null && amount !== "0");
  return StandardMerkleTree.of(leaves, ["address", "uint256"]).root;
}

// ---- the report

// Whether the file and the proofs against it hold; `say` is told each thing that does, and the first that does not.
function verify(file, proofs, { signers = [], threshold = 1, say }) {
  let what = "file";
  try {
    need(Number.isInteger(threshold) && threshold >= 1, "a threshold is 1 or more");
    const trusted = signers.map((address) => getAddress(address));
    const document = parse(file);
    what = "content";
    checkContent(document);
    say("ok    hash and id are the content's");
    what = "figures";
    checkFigures(document);
    say("ok    the figures fit each other");
    what = "signature";
    const signed = signersOf(document);
    const counted = signed.filter((signer) => !trusted.length || trusted.includes(signer));
    need(counted.length >= threshold, `${threshold} of those whom --signer names signed; ${signed.join(" and ")} did`);
    say(`ok    signed by ${signed.join(" and ")}${trusted.length ? "" : ", whom you did not name by --signer"}`);
    for (const [name, bytes] of proofs) {
      what = name;
      say(`ok    ${JSON.stringify(checkProof(document, parse(bytes))).slice(1, -1)}`);
    }
    return true;
  } catch (error) {
    say(`FAIL  ${what}: ${JSON.stringify(error.message).slice(1, -1)}`); // what a file holds writes no lines of its own
    return false;
  }
}

function main() {
  const { values, positionals: [file, ...proofs] } = parseArgs({
    allowPositionals: true,
    options: { signer: { type: "string", multiple: true }, threshold: { type: "string", default: "1" } },
  });
  return verify(readFileSync(file), proofs.map((path) => [path, readFileSync(path)]), {
    signers: values.signer,
    threshold: Number(values.threshold),
    say: console.log,
  });
}

module.exports = { verify };
if (require.main === module) process.exit(main() ? 0 : 1);
