"""A local chain: a real node (anvil), which can be killed, restarted, made to drop and to reorganise."""

import json
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from teleprompt.chain._abi import encode_call
from tests.loopback import free_port
from tests.stock_tools import contract, npm_folder

CHAIN_ID = 31337
RICH = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
"""Anvil's first account; it has ether and signs for whoever asks."""

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class Anvil:
    """One node; its state survives a restart."""

    def __init__(self, folder: Path, *, chain_id: int = CHAIN_ID) -> None:
        name = f"anvil-{platform.system().lower()}-{_MACHINES.get(platform.machine(), platform.machine())}"
        self._binary = npm_folder() / "node_modules/@foundry-rs" / name / "bin/anvil"
        if not self._binary.exists():
            pytest.skip(f"there is no anvil for this machine ({name})")
        self._binary.chmod(0o755)
        self._chain_id = chain_id
        self._state = folder / f"{chain_id}.json"
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start the node, with the state it was stopped with."""
        command = [str(self._binary), "--silent", "--port", str(self._port), "--chain-id", str(self._chain_id),
                   "--slots-in-an-epoch", "1", "--state", str(self._state)]  # fmt: skip
        self.http = httpx.Client(timeout=30)  # one connection: to make one for each call takes longer than the call
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.rpc("eth_chainId")
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("anvil does not start")

    def stop(self) -> None:
        """Stop the node; it writes its state."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self.http.close()
            self._process = None

    def rpc(self, method: str, *params: Any) -> Any:
        """Call the node."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = self.http.post(self.url, json=body).json()
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def mine(self, blocks: int = 1) -> None:
        """Mine blocks."""
        self.rpc("anvil_mine", hex(blocks))

    def give(self, address: str, ether: int = 100) -> None:
        """Let `address` have so much."""
        self.rpc("anvil_setBalance", address, hex(ether * 10**18))

    def deploy(self, bytecode: str, arguments: bytes = b"") -> str:
        """Deploy a contract; returns its address."""
        sent = self.rpc(
            "eth_sendTransaction", {"from": RICH, "data": bytecode + arguments.hex(), "gas": hex(16_000_000)}
        )
        self.mine()
        receipt = self.rpc("eth_getTransactionReceipt", sent)
        assert receipt["status"] == "0x1"
        from web3 import Web3

        return str(Web3.to_checksum_address(receipt["contractAddress"]))

    def deploy_eas(self) -> tuple[str, str]:
        """EAS as its own package carries it, compiled: (contract, schema registry)."""
        from eth_abi import encode

        artifacts = npm_folder() / "node_modules/@ethereum-attestation-service/eas-contracts/artifacts/contracts"
        registry = self.deploy(_bytecode(artifacts / "SchemaRegistry.sol/SchemaRegistry.json"))
        eas = self.deploy(_bytecode(artifacts / "EAS.sol/EAS.json"), encode(["address"], [registry]))
        return eas, registry

    def eas_section(self, **changes: Any) -> dict[str, Any]:
        """The section `chain` of a program file, with EAS deployed on this node."""
        contract, registry = self.deploy_eas()
        section = {"adapter": "eas", "chain_id": CHAIN_ID, "contract": contract, "schema_registry": registry}
        return {**section, "confirmations": 1, **changes}

    def deploy_verifier(
        self,
        attesters: list[str],
        *,
        threshold: int = 1,
        model: int = 7,
        minimum: int = 100,
        tokens: int = 10**18,
        head: str = "c" * 64,
    ) -> str:
        """The DeltaVerifier of `contracts/`; its lineage begins with `head`, where that is not empty."""
        from eth_abi import encode

        types = ["address[]", "uint256", "uint256", "uint256", "uint256"]
        code = contract(Path(__file__).parent / "contracts/DeltaVerifier.sol")["bytecode"]
        address = self.deploy(code, encode(types, [attesters, threshold, model, minimum, tokens]))
        if head:
            self.transact(address, encode_call("setHead(bytes32)", ["bytes32"], [bytes.fromhex(head)]))
        return address

    def transact(self, to: str, data: str) -> None:
        """Have the first account call a contract, and mine that."""
        sent = self.rpc("eth_sendTransaction", {"from": RICH, "to": to, "data": data, "gas": hex(1_000_000)})
        self.mine()
        assert self.rpc("eth_getTransactionReceipt", sent)["status"] == "0x1"


def _bytecode(artifact: Path) -> str:
    return str(json.loads(artifact.read_text())["bytecode"])
