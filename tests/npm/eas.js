// Whether eas-sdk takes an off-chain attestation, and how it decodes its data.
const { Offchain, SchemaEncoder } = require("@ethereum-attestation-service/eas-sdk");

const { attestation, schema } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const { sig, signer } = attestation;
const big = (value) => BigInt(value);
const response = {
  ...sig,
  domain: { ...sig.domain, chainId: big(sig.domain.chainId) },
  message: { ...sig.message, time: big(sig.message.time), expirationTime: big(sig.message.expirationTime) },
};
const config = { address: sig.domain.verifyingContract, version: sig.domain.version, chainId: big(sig.domain.chainId) };
const offchain = new Offchain(config, sig.version, {});
const decoded = new SchemaEncoder(schema).decodeData(sig.message.data);
console.log(JSON.stringify({
  valid: offchain.verifyOffchainAttestationSignature(signer, response),
  data: Object.fromEntries(decoded.map((d) => [d.name, String(d.value.value)])),
}));
