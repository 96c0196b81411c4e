// Whose EIP-712 signature ethers sees under a document.
const { verifyTypedData } = require("ethers");

const { domain, types, message, signature } = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(verifyTypedData(domain, types, message, signature)));
