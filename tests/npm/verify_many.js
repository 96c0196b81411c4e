// What docs/scripts/verify.js answers to many files: [{file, proofs, signers, threshold}], bytes as Base64.
const { verify } = require("./verify.js");

const bytes = (text) => Buffer.from(text, "base64");
const answers = JSON.parse(require("fs").readFileSync(0, "utf8")).map(({ file, proofs, ...options }) => {
  const said = [];
  const good = verify(bytes(file), proofs.map((proof) => ["proof", bytes(proof)]), { ...options, say: (line) => said.push(line) });
  return { good, said };
});
console.log(JSON.stringify(answers));
