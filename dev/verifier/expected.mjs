// What somebody who is handed a document expects of it, beside that it is valid.
import { time } from "./form.mjs";
import { need } from "./refusal.mjs";

// Each of `program`, `version`, `state` (a SHA-256), `after` (a time) and `evidence` (true) may be left out.
export const isAnything = (expected) => Object.values(expected).some(Boolean);

export function checkExpected(document, expected) {
  const { program, version, state, after, evidence } = expected;
  const info = document.model_info;
  need(!program || info.model_id === program, "PROGRAM_UNEXPECTED", `it is about the program '${info.model_id}', not '${program}'`);
  need(!version || info.optimized_version === version, "VERSION_UNEXPECTED", `it is about the version '${info.optimized_version}', not '${version}'`);
  need(!state || document.program?.optimized_digest === state, "STATE_UNEXPECTED", "it is about another program state than yours");
  need(!after || time(document.timestamp) >= time(after), "TOO_OLD", `it is of ${document.timestamp}, before ${after}`);
  need(!evidence || document.evidence, "EVIDENCE_MISSING", "nothing in it backs the gain");
  return `${Object.keys(expected).filter((name) => expected[name]).join(", ")}: as you expect`;
}
