// ---- the command

const USAGE = `node verify.js [option]... ATTESTATION [PROOF]...
  --signer 0x...       must be signed by this address; may stand several times
  --threshold N        so many of them must have signed (1)
  --unsigned           a document without a signature is enough,
  --require-signature  but for this, which is so without either
  --program NAME       must be about this program
  --version ID         must be about this version
  --state FILE         must be about the program state in this file
  --after TIME         must be of this day or time (2026-01-31, 2026-01-31T00:00:00Z) or later
  --require-evidence   the gain must be backed
  --signers FILE       must be signed in his time by one in this file of \`teleprompt signer export\`
  --list-signer 0x...  who must have signed that list
  --list-number N      that list must have this number or a later one
  --log-proof FILE     that it is in a public log, a file of \`teleprompt attest log prove\`
  --log KEY            it must be in the log with this verifier key; may stand several times
  --witness KEY        verifier key of a witness who must have cosigned; may stand several times
  --witnesses N        so many of them must have (1)
  --kept FILE          the log must go on from this checkpoint, which you kept
  --consistency FILE   that it does, a file of \`teleprompt attest log consistency\`
  --proof FILE         also check this proof, as those that follow the attestation
  --bundle FILE        also recompute it from the scores in this file
  --json               print the result as JSON`;

function main() {
  const { readFileSync } = require("node:fs");
  const { parseArgs } = require("node:util");
  const flags = ["unsigned", "require-signature", "require-evidence", "json"];
  const options = Object.fromEntries([
    ...flags.map((name) => [name, { type: "boolean" }]),
    ...["signer", "proof", "log", "witness"].map((name) => [name, { type: "string", multiple: true }]),
    ...["threshold", "program", "version", "state", "after", "bundle", "signers", "list-signer", "list-number", "log-proof", "witnesses", "kept", "consistency"].map((name) => [name, { type: "string" }]),
  ]);
  const { values, positionals } = parseArgs({ allowPositionals: true, options });
  if (!positionals.length) throw new TypeError(USAGE);
  const [document, ...proofs] = positionals;
  const read = (path) => (path === undefined ? undefined : readFileSync(path));
  const { state } = values;
  const files = {
    document: read(document), bundle: read(values.bundle), trustList: read(values.signers), logProof: read(values["log-proof"]), proofs: [...(values.proof ?? []), ...proofs].map((path) => [path, read(path)]),
  };
  const found = verify(files, {
    signers: values.signer, threshold: Number(values.threshold ?? 1), requireSignature: values["require-signature"] || !values.unsigned,
    expectedList: { signer: values["list-signer"], number: Number(values["list-number"] ?? 1) },
    log: {
      keys: values.log, witnesses: values.witness, quorum: values.witnesses && Number(values.witnesses), kept: read(values.kept),
      goesOn: read(values.consistency),
    },
    expected: {
      program: values.program, version: values.version, after: momentOf(values.after), state: state && toHex(sha256(read(state))),
      evidence: values["require-evidence"],
    },
  });
  print(found, values.json);
  return found.valid ? 0 : 1;
}

function momentOf(text) {
  if (text === undefined) return undefined;
  const moment = text.length === 10 ? `${text}T00:00:00Z` : text;
  if (!isMoment(moment)) throw new TypeError("--after: a time looks like 2026-01-31 or 2026-01-31T00:00:00Z");
  return moment;
}

// What a file holds writes no lines of its own, and moves no cursor.
const visible = (text) => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u${character.codePointAt(0).toString(16).padStart(4, "0")}`);

function print({ valid, code, detail, checks, ...found }, asJson) {
  if (asJson) {
    console.log(JSON.stringify({ valid, code, detail, ...found, checks }));
    return;
  }
  const marks = { ok: "ok  ", warn: "note", fail: "FAIL", skipped: "-   " };
  for (const { name, state, text } of checks) console.log(`${marks[state]}  ${visible(name).padEnd(10)}  ${visible(text)}`);
  console.log(`${valid ? "valid" : "INVALID"}: ${code} (${visible(detail)})`);
}

module.exports = { verify };
if (require.main === module) {
  try {
    process.exitCode = main();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 2;
  }
}
