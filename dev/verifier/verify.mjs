// All checks, in their order, each with what it found in a sentence; the first that does not hold ends them.
import { checkBundle, readBundle } from "./bundle.mjs";
import { checkCredit } from "./credit.mjs";
import { checkDates, checkGain, checkHash, checkPrograms, headlineMetric } from "./document.mjs";
import { checkEvidence } from "./evidence.mjs";
import { checkExpected, isAnything } from "./expected.mjs";
import { checkForm } from "./form.mjs";
import { checkLogged, loggedInWords, readLogPolicy } from "./log.mjs";
import { utf8 } from "./hashes.mjs";
import { readJson } from "./json.mjs";
import { checkProof } from "./proofs.mjs";
import { Refusal, e6, need } from "./refusal.mjs";
import { recoverSigners } from "./signatures.mjs";
import { addressesOf, checkNotRevoked, lapseOf, readTrustList, trustedAddress } from "./trust_list.mjs";

// Checks the bytes of a document, and of a bundle and proofs ([name, bytes]) against it. Without a document it is the
// one in the bundle. Of the addresses that are trusted, `threshold` must have signed; without any, of those in the trust
// list, in whose time they have to have. What is `expected` may be left out.
//
// Throws a TypeError where what the verifier asks for makes no sense.
export function verify({ document, bundle, proofs = [], trustList, logProof }, { signers = [], threshold = 1, requireSignature = false, expected = {}, expectedList = {}, log = {} } = {}) {
  const list = trustList === undefined ? null : readTrustList(trustList, expectedList);
  const policy = readLogPolicy(log, list);
  const trusted = signers.length || !list ? signers.map(trustedAddress) : addressesOf(list);
  if (document === undefined && bundle === undefined) throw new TypeError("there is neither a document nor a bundle, which holds one");
  if (!Number.isInteger(threshold) || threshold < 1) throw new TypeError("a threshold is 1 or more");
  const checks = [];
  const found = { valid: false, level: null, code: "OK", detail: "", attestation_id: null, signers: [], summary: null, logged: null };
  const steps = stepsOf({ document, bundle, proofs, logProof }, { list, policy, trusted, threshold, isAsked: requireSignature || trusted.length > 0 || threshold > 1, expected }, found);
  for (const [i, [name, look]] of steps.entries()) {
    try {
      const said = look();
      const [state, text] = Array.isArray(said) ? said : ["ok", said];
      checks.push({ name, state, text });
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal("BAD_SCHEMA", `it cannot be read (${error.message})`);
      checks.push({ name, state: "fail", text: refusal.message, code: refusal.code });
      checks.push(...steps.slice(i + 1).map(([later]) => ({ name: later, state: "skipped", text: "not looked at" })));
      return { ...found, level: null, summary: null, logged: null, signers: [], attestation_id: null, code: refusal.code, detail: refusal.message, checks };
    }
  }
  return { ...found, valid: true, detail: levelInWords(found, trusted), checks };
}

function stepsOf({ document, bundle, proofs, logProof }, { list, policy, expected, ...asked }, found) {
  let [read, opened] = [null, null];
  const documentBytes = () => {
    if (document !== undefined) return document;
    opened = readBundle(bundle);
    need(opened?.attestation, "BUNDLE_INVALID", "there is no document in it");
    return utf8(JSON.stringify(opened.attestation));
  };
  const steps = [
    ["File", () => {
      const bytes = documentBytes();
      read = readJson(bytes);
      return `${bytes.length.toLocaleString("en")} bytes of JSON that can be read in one way only`;
    }],
    ["Form", () => checkForm(read) && "each field is there, and of its form"],
    ["Hash", () => checkHash(read)],
    ["Dates", () => checkDates(read)],
    ["Program", () => checkPrograms(read)],
    ["Gain", () => checkGain(read)],
    ["Evidence", () => (read.evidence ? checkEvidence(read) : ["warn", "none: nothing in the document backs the gain"])],
    ["Credit", () => checkCredit(read)],
    ...(list ? [["Revocation", () => checkNotRevoked(read, list)]] : []),
    ...(logProof !== undefined || policy.isAsked ? [["Log", () => {
      need(logProof !== undefined, "LOG_MISSING", "it must be in a log, and no proof was given");
      found.logged = checkLogged(read, logProof, policy);
      return loggedInWords(found.logged);
    }]] : []),
    ["Signature", () => {
      const lapses = recoverSigners(read).map((signer) => [signer, list && lapseOf(signer, read, list, found.logged?.by ?? null)]);
      const said = checkSigners(lapses, asked);
      found.signers = lapses.filter(([, lapse]) => !lapse).map(([signer]) => signer);
      Object.assign(found, { attestation_id: read.attestation_id, summary: summaryOf(read), level: levelOf(read, found.signers) });
      return said;
    }],
    ...(isAnything(expected) ? [["Expected", () => checkExpected(read, expected)]] : []),
    ...proofs.map(([name, proof]) => [`Proof ${name}`.trim(), () => checkProof(read, inProof(() => readJson(proof)))]),
  ];
  if (bundle !== undefined) steps.push(["Bundle", () => checkBundle(read, opened ?? readBundle(bundle))]);
  return steps;
}

const inProof = (read) => recoded("PROOF_INVALID", "the file is no proof of `attest prove`", read);

function recoded(code, detail, look) {
  try {
    return look();
  } catch {
    throw new Refusal(code, detail);
  }
}

// Of [signer, why he does not count, or null] for each signature.
function checkSigners(signatures, { trusted, threshold, isAsked }) {
  if (!signatures.length) {
    need(!isAsked, "SIGNATURE_MISSING", "a signature is required and there is none");
    return ["warn", "none: anyone could have written this"];
  }
  const named = signatures.filter(([signer]) => !trusted.length || trusted.includes(signer));
  const counted = named.filter(([, lapse]) => !lapse);
  const [, lapse] = (named.length ? named : signatures).find(([, why]) => why) ?? [];
  if (lapse && counted.length < Math.max(isAsked ? threshold : 0, 1)) throw lapse;
  need(!isAsked || counted.length, "SIGNER_UNTRUSTED", `${signatures[0][0]} is not among the trusted signers`);
  need(!isAsked || counted.length >= threshold, "SIGNATURES_TOO_FEW", `${counted.length} of ${threshold} signatures`);
  const by = `signed by ${signatures.filter(([, why]) => !why).map(([signer]) => signer).join(" and ")}`;
  return trusted.length ? by : ["warn", `${by}, whom you did not name: whose key that is remains open`];
}

function levelOf(document, signers) {
  if (!document.evidence) return "unbacked";
  return signers.length ? "signed" : "hash-only";
}

function levelInWords({ level, signers }, trusted) {
  if (level === "unbacked") return "without evidence, so that nothing backs the gain";
  if (level === "hash-only") return "not signed: consistent in itself, but anyone could write it";
  return `signed by ${signers.join(" and ")}${trusted.length ? "" : ", whom you did not name as trusted"}`;
}

// What the document says, for people. Differences are millionths.
function summaryOf({ model_info: info, timestamp, performance, evidence, ...document }) {
  return {
    program: info.model_id, baseline_version: info.baseline_version, optimized_version: info.optimized_version, decided_at: timestamp,
    metric: headlineMetric({ evidence, ...document }), delta_e6: e6(performance.performance_delta), evidence: evidence?.kind ?? "none",
    claim: evidence?.claim ?? null, ci_low_e6: evidence?.ci_low_e6 ?? null, ci_high_e6: evidence?.ci_high_e6 ?? null,
    confidence_e6: evidence?.confidence_e6 ?? null, p_value_e6: evidence?.p_value_e6 ?? null, test: evidence?.test ?? null,
    compared: evidence?.kind === "online" ? "outcome" : evidence?.compared ?? null, trial: evidence?.trial ?? null,
  };
}
