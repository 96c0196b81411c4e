// What a verifier answers to many files: [{document, proofs, bundle, options}], bytes as Base64.
const [script] = process.argv.slice(2);
const { verify } = require(script);

const bytes = (text) => (text === undefined ? undefined : Buffer.from(text, "base64"));
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
const answers = cases.map(({ document, proofs = [], bundle, options }) =>
  verify({ document: bytes(document), proofs: proofs.map((proof) => ["", bytes(proof)]), bundle: bytes(bundle) }, options));
console.log(JSON.stringify(answers));
