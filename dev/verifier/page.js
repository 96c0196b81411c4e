// ==== page.js: the face. All text goes in as text, never as markup.

const ASKS = {
  File: "Can it be read in one way only?",
  Form: "Is every field there, and of its form?",
  Hash: "Was anything changed since it was written?",
  Dates: "Can it have been written then?",
  Program: "Was something put in the place of something else?",
  Gain: "Is the gain the difference of both scores?",
  Evidence: "Can these counts give this gain, p and interval?",
  Credit: "Do the weights follow, and sum to 1?",
  Revocation: "Was it taken back?",
  Log: "Was it published, and where among the others?",
  Signature: "Who vouches for it?",
  Expected: "Is it about what you expect?",
  Proof: "Does it lead to this attestation?",
  Bundle: "Do the scores give these figures?",
};
const COMPARED = {
  agreement: "agreement with logged answers that turned out well: a proxy of the outcome",
  reference: "agreement with the answers that people expect",
  outcome: "the outcome itself",
};
const MARKS = { ok: "✓", warn: "!", fail: "✕", skipped: "–" };
const $ = (id) => document.getElementById(id);

// What was given so far: a document, a bundle, proofs, a list of signers; of a log a proof, a checkpoint, that it goes on.
let given = { proofs: [] };

function element(tag, text = "", name = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = name;
  return made;
}

function kindOf(bytes) {
  let value = null;
  const text = new TextDecoder().decode(bytes);
  if (text.startsWith("c2sp.org/tlog-proof")) return "log proof";
  if (/^old [0-9]+\n/.test(text)) return "consistency";
  if (/^[^\n{]+\n[0-9]+\n.*\n\n— /s.test(text)) return "checkpoint";
  try {
    value = JSON.parse(text);
  } catch {
    return "document"; // which verification then says what is wrong with
  }
  if (value?.bundle_version !== undefined) return "bundle";
  if (value?.list_type !== undefined) return "signers";
  return value?.type === "trace" || value?.type === "reward" ? "proof" : "document";
}

// A document begins anew, but for the list of signers and the checkpoint, which are of no document; all else is added.
async function take(files) {
  const read = await Promise.all(Array.from(files, async (file) => [file.name, new Uint8Array(await file.arrayBuffer())]));
  const sorted = read.map(([name, bytes]) => ({ name, bytes, kind: kindOf(bytes) }));
  const isNew = sorted.some(({ kind }) => kind === "document");
  if (isNew) given = { proofs: [], signers: given.signers, checkpoint: given.checkpoint };
  for (const file of sorted) {
    if (file.kind === "proof") given.proofs.push(file);
    else given[file.kind] = file;
  }
  await show();
}

async function expectations() {
  const form = $("expected").elements;
  const [state] = form.state.files;
  const text = (name) => form[name].value.trim() || undefined;
  return {
    signers: form.signers.value.split(/[\s,]+/).filter(Boolean),
    threshold: Number(form.threshold.value || 1),
    log: {
      keys: text("log")?.split(/\s+/), witnesses: text("witnesses")?.split(/\s+/), quorum: text("witnesses") && Number(form.quorum.value || 1),
      kept: text("log") && given.checkpoint?.bytes, goesOn: given.consistency?.bytes,
    },
    expectedList: { signer: text("listSigner"), number: Number(form.listNumber.value || 1) },
    expected: {
      program: text("program"), version: text("version"), after: form.after.value && `${form.after.value}T00:00:00Z`,
      state: state && toHex(sha256(new Uint8Array(await state.arrayBuffer()))), evidence: form.evidence.checked,
    },
  };
}

async function show() {
  const files = [given.document, given.bundle, ...given.proofs, given["log proof"], given.consistency, given.checkpoint, given.signers].filter(Boolean);
  $("given").replaceChildren(...files.map(({ name, kind }) => {
    const item = element("li");
    item.append(element("b", kind), ` ${name}`);
    return item;
  }));
  if (!given.document && !given.bundle) {
    $("result").hidden = true;
    if (files.length) $("given").append(element("li", "add an attestation"));
    return;
  }
  const asked = await expectations();
  const count = asked.signers.length + (asked.log.keys?.length ?? 0) + (asked.log.witnesses?.length ?? 0) + Object.values(asked.expected).filter(Boolean).length;
  $("asked").textContent = count ? `(${count} given)` : "";
  try {
    print(verify({
      document: given.document?.bytes, bundle: given.bundle?.bytes, trustList: given.signers?.bytes, logProof: given["log proof"]?.bytes, proofs: given.proofs.map(({ name, bytes }) => [name, bytes]),
    }, asked));
  } catch (error) {
    print({ valid: false, code: "", detail: error.message, checks: [], summary: null, signers: [] });
  }
}

function print({ valid, code, detail, checks, summary, signers }) {
  const isVouched = valid && checks.every((check) => check.state === "ok");
  const state = isVouched ? "ok" : valid ? "warn" : "fail";
  const noted = checks.filter((check) => check.state === "warn").length;
  $("verdict").className = state;
  $("mark").textContent = MARKS[state];
  $("verdict").querySelector("h2").textContent = isVouched
    ? "Valid" : valid ? `Consistent, with ${noted === 1 ? "one reservation" : `${noted} reservations`}` : `Not valid${code && `: ${code}`}`;
  $("verdict").querySelector("p").textContent = detail;
  $("summary").replaceChildren(...(summary ? linesOf(summary, signers) : []).flatMap(([name, text]) => [element("dt", name), element("dd", text)]));
  $("checks").replaceChildren(...checks.map(({ name, state: how, text }) => {
    const item = element("li", "", how);
    const said = element("div");
    const title = element("p");
    title.append(element("strong", name), " ", element("span", ASKS[name.split(" ")[0]], "asks"));
    if (how === "skipped") title.append(text);
    said.append(title);
    if (how !== "skipped") said.append(element("p", text));
    item.append(element("span", MARKS[how], "sign"), said);
    return item;
  }));
  $("result").hidden = false;
}

function linesOf(summary, signers) {
  const change = (value) => `${value < 0 ? "−" : "+"}${(Math.abs(value) / 10_000).toFixed(2)}`;
  const compared = COMPARED[summary.compared];
  const lines = [
    ...(compared ? [["Compared", compared]] : []),
    ["Program", `${summary.program}, ${summary.baseline_version} → ${summary.optimized_version}`],
    ["Decided", summary.decided_at],
  ];
  if (summary.evidence === "none") lines.push(["Gain", `${change(summary.delta_e6)} points of ${summary.metric}, as somebody says`]);
  else {
    const interval = `[${change(summary.ci_low_e6)}, ${change(summary.ci_high_e6)}] at ${summary.confidence_e6 / 10_000} %`;
    lines.push(["Gain", `${change(summary.delta_e6)} points of ${summary.metric}, at least ${change(summary.ci_low_e6)}`]);
    lines.push(["Evidence", `${summary.evidence}, ${summary.claim}: ${interval}, p ${summary.p_value_e6 ? summary.p_value_e6 / 1e6 : "below 0.000001"} by ${summary.test}`]);
  }
  if (summary.trial) {
    const { number, windows, level_e6: level, relatives = 0 } = summary.trial;
    const others = relatives ? `; ${relatives} more of programs with the same code` : "";
    lines.push(["Trial", `number ${number} of its year, ${windows} window${windows === 1 ? "" : "s"}, a level of ${level / 1e6}${others}`]);
  }
  return [...lines, ["Signed by", signers.join(", ") || "nobody"]];
}

$("files").addEventListener("change", async (event) => {
  await take(event.target.files);
  event.target.value = "";
});
$("expected").addEventListener("input", show);
$("expected").addEventListener("submit", (event) => event.preventDefault());
for (const kind of ["dragover", "dragleave", "drop"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") take(event.dataTransfer.files);
  });
}
$("save").hidden = location.protocol === "file:";
