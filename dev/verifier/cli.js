// ---- the command

const USAGE = `node verify.js [option]... ATTESTATION [PROOF]...
  --signer 0x...     must be signed by this address; may stand several times
  --threshold N      so many of them must have signed (1)
  --unsigned         a document without a signature is enough
  --program NAME     must be about this program
  --version ID       must be about this version
  --state FILE       must be about the program state in this file
  --after TIME       must be of this time (2026-01-31T00:00:00Z) or later
  --bundle FILE      also recompute it from the scores in this file
  --json             print the result as JSON`;

function main() {
  const { readFileSync } = require("node:fs");
  const { parseArgs } = require("node:util");
  const text = (name, rest = {}) => ({ [name]: { type: "string", ...rest } });
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...text("signer", { multiple: true }), ...text("threshold", { default: "1" }), unsigned: { type: "boolean" }, ...text("program"),
      ...text("version"), ...text("state"), ...text("after"), ...text("bundle"), json: { type: "boolean" },
    },
  });
  if (!positionals.length) throw new TypeError(USAGE);
  if (values.after !== undefined && !isMoment(values.after)) throw new TypeError("--after: a time looks like 2026-01-31T00:00:00Z");
  const [document, ...proofs] = positionals;
  const found = verify(
    {
      document: readFileSync(document), proofs: proofs.map((path) => [path, readFileSync(path)]),
      bundle: values.bundle === undefined ? undefined : readFileSync(values.bundle),
    },
    {
      signers: values.signer, threshold: Number(values.threshold), requireSignature: !values.unsigned,
      expected: {
        program: values.program, version: values.version, after: values.after,
        state: values.state && toHex(sha256(readFileSync(values.state))),
      },
    },
  );
  print(found, values.json);
  return found.valid ? 0 : 1;
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
