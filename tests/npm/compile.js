// Compiles the Solidity file on standard input; prints {contract: {abi, bytecode}}.
const solc = require("solc");

const source = require("fs").readFileSync(0, "utf8");
const output = JSON.parse(solc.compile(JSON.stringify({
  language: "Solidity",
  sources: { "input.sol": { content: source } },
  settings: {
    viaIR: true,
    optimizer: { enabled: true },
    evmVersion: "cancun",
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
  },
})));
const errors = (output.errors || []).filter((e) => e.severity === "error");
if (errors.length) throw new Error(errors.map((e) => e.formattedMessage).join("\n"));
const found = Object.entries(output.contracts["input.sol"])
  .map(([name, c]) => [name, { abi: c.abi, bytecode: "0x" + c.evm.bytecode.object }]);
console.log(JSON.stringify(Object.fromEntries(found)));
