// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// The on-chain verifier as far as a submitter meets it: same calls, digest, checks and events, written for these
/// tests from its published interface. Its token, registry and access rules are reduced to what the tests need.
contract DeltaVerifier {
    struct BenchmarkAnchors {
        bytes32 benchmarkSpecHash;
        bytes32 datasetHash;
        bytes32 attestationHash;
        bytes32 idempotencyKey;
        string metricName;
        string metricFamily;
    }

    struct Contributor {
        address walletAddress;
        uint256 weight;
    }

    struct MintRequestPayload {
        string pipelineRunId;
        uint256 baselineScoreBps;
        uint256 candidateScoreBps;
        uint256 maxCostUsdMicro;
        uint256 actualCostUsdMicro;
        uint256 totalSamples;
        BenchmarkAnchors anchors;
        bytes32 baselineCommitment;
        bytes32 candidateCommitment;
        uint256 deadline;
    }

    event DeltaOneAccepted(
        uint256 indexed modelId,
        bytes32 indexed idempotencyKey,
        bytes32 indexed benchmarkSpecHash,
        bytes32 attestationHash,
        bytes32 datasetHash,
        string metricName,
        string metricFamily,
        uint256 baselineScoreBps,
        uint256 candidateScoreBps,
        uint256 rewardAmount,
        string pipelineRunId
    );
    event BudgetConstraintViolated(
        string indexed pipelineRunId, uint256 indexed modelId, uint256 maxCostUsd, uint256 actualCostUsd
    );

    error InsufficientAttesterSignatures(uint256 provided, uint256 required);
    error SignerNotAttester(address signer);
    error UnorderedOrDuplicateAttesters(address signer);
    error LineageNotSeeded(uint256 modelId);
    error LineageParentMismatch(uint256 modelId, bytes32 expectedHead, bytes32 providedBaseline);
    error InvalidCandidateCommitment();
    error SignatureExpired(uint256 deadline, uint256 currentTimestamp);
    error MintBudgetExceeded(uint256 modelId, uint256 required, uint256 remaining);

    event ModelLineageAdvanced(uint256 indexed modelId, bytes32 parent, bytes32 child);

    string private constant ANCHORS =
        "BenchmarkAnchors(bytes32 benchmarkSpecHash,bytes32 datasetHash,bytes32 attestationHash,bytes32 idempotencyKey,string metricName,string metricFamily)";
    string private constant CONTRIBUTOR = "Contributor(address walletAddress,uint256 weight)";
    string private constant PAYLOAD =
        "MintRequestPayload(string pipelineRunId,uint256 baselineScoreBps,uint256 candidateScoreBps,uint256 maxCostUsdMicro,uint256 actualCostUsdMicro,uint256 totalSamples,BenchmarkAnchors anchors,bytes32 baselineCommitment,bytes32 candidateCommitment,uint256 deadline)";
    string private constant REQUEST =
        "MintRequest(uint256 modelId,MintRequestPayload payload,Contributor[] contributors)";

    mapping(bytes32 => bool) public processedIdempotencyKeys;
    mapping(address => bool) public isAttester;
    mapping(address => uint256) public balanceOf;
    uint256 public attesterThreshold;
    uint256 public modelId;
    uint256 public minImprovementBps;
    uint256 public tokensPerDeltaOne;
    bytes32 public currentHead;
    uint256 public budget = type(uint256).max;

    constructor(address[] memory attesters, uint256 threshold, uint256 model, uint256 minimum, uint256 tokens) {
        for (uint256 i = 0; i < attesters.length; i++) isAttester[attesters[i]] = true;
        attesterThreshold = threshold;
        modelId = model;
        minImprovementBps = minimum;
        tokensPerDeltaOne = tokens;
    }

    /// Seeds the lineage, or moves its head, as registry and admin do there.
    function setHead(bytes32 head) external {
        currentHead = head;
    }

    function setBudget(uint256 tokens) external {
        budget = tokens;
    }

    function currentModelHead(uint256 model) public view returns (bytes32) {
        return model == modelId ? currentHead : bytes32(0);
    }

    function hashMintRequest(uint256 model, MintRequestPayload calldata payload, Contributor[] calldata contributors)
        public
        view
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("HokusaiDeltaVerifier"),
                keccak256("1"),
                block.chainid,
                address(this)
            )
        );
        bytes32[] memory people = new bytes32[](contributors.length);
        for (uint256 i = 0; i < contributors.length; i++) {
            people[i] = keccak256(
                abi.encode(keccak256(bytes(CONTRIBUTOR)), contributors[i].walletAddress, contributors[i].weight)
            );
        }
        bytes32 request = keccak256(
            abi.encode(
                keccak256(abi.encodePacked(REQUEST, ANCHORS, CONTRIBUTOR, PAYLOAD)),
                model,
                _hashPayload(payload),
                keccak256(abi.encodePacked(people))
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, request));
    }

    function submitMintRequest(
        uint256 model,
        MintRequestPayload calldata payload,
        Contributor[] calldata contributors,
        bytes[] calldata attesterSignatures
    ) external returns (uint256 reward) {
        require(model == modelId, "Model not registered");
        require(!processedIdempotencyKeys[payload.anchors.idempotencyKey], "Idempotency key already processed");
        require(payload.baselineScoreBps <= 10000 && payload.candidateScoreBps <= 10000, "Score exceeds 10000 bps");
        if (payload.deadline < block.timestamp) revert SignatureExpired(payload.deadline, block.timestamp);
        _checkSignatures(hashMintRequest(model, payload, contributors), attesterSignatures);
        _checkContributors(contributors);
        _checkLineage(model, payload);
        processedIdempotencyKeys[payload.anchors.idempotencyKey] = true;
        if (payload.maxCostUsdMicro != 0 && payload.actualCostUsdMicro > payload.maxCostUsdMicro) {
            emit BudgetConstraintViolated(
                payload.pipelineRunId, model, payload.maxCostUsdMicro, payload.actualCostUsdMicro
            );
            return 0;
        }
        if (payload.candidateScoreBps >= payload.baselineScoreBps + minImprovementBps) {
            reward = (payload.candidateScoreBps - payload.baselineScoreBps) * tokensPerDeltaOne / 100;
            if (reward > budget) revert MintBudgetExceeded(model, reward, budget);
            budget -= reward;
            _pay(contributors, reward);
            currentHead = payload.candidateCommitment;
            emit ModelLineageAdvanced(model, payload.baselineCommitment, payload.candidateCommitment);
        }
        _accepted(model, payload, reward);
    }

    function _checkLineage(uint256 model, MintRequestPayload calldata payload) private view {
        if (currentHead == bytes32(0)) revert LineageNotSeeded(model);
        if (payload.baselineCommitment != currentHead) {
            revert LineageParentMismatch(model, currentHead, payload.baselineCommitment);
        }
        if (payload.candidateCommitment == bytes32(0)) revert InvalidCandidateCommitment();
    }

    function _accepted(uint256 model, MintRequestPayload calldata payload, uint256 reward) private {
        emit DeltaOneAccepted(
            model,
            payload.anchors.idempotencyKey,
            payload.anchors.benchmarkSpecHash,
            payload.anchors.attestationHash,
            payload.anchors.datasetHash,
            payload.anchors.metricName,
            payload.anchors.metricFamily,
            payload.baselineScoreBps,
            payload.candidateScoreBps,
            reward,
            payload.pipelineRunId
        );
    }

    function _pay(Contributor[] calldata contributors, uint256 reward) private {
        uint256 paid;
        for (uint256 i = 0; i < contributors.length; i++) {
            uint256 part = reward * contributors[i].weight / 10000;
            balanceOf[contributors[i].walletAddress] += part;
            paid += part;
        }
        balanceOf[contributors[0].walletAddress] += reward - paid;
    }

    function _checkContributors(Contributor[] calldata contributors) private pure {
        require(contributors.length >= 1 && contributors.length <= 100, "Between 1 and 100 contributors");
        uint256 total;
        for (uint256 i = 0; i < contributors.length; i++) {
            require(contributors[i].walletAddress != address(0) && contributors[i].weight >= 1, "Empty contributor");
            for (uint256 j = 0; j < i; j++) {
                require(contributors[i].walletAddress != contributors[j].walletAddress, "Duplicate contributor");
            }
            total += contributors[i].weight;
        }
        require(total == 10000, "Weights must sum to 100%");
    }

    function _checkSignatures(bytes32 digest, bytes[] calldata signatures) private view {
        if (signatures.length < attesterThreshold) {
            revert InsufficientAttesterSignatures(signatures.length, attesterThreshold);
        }
        address last;
        for (uint256 i = 0; i < signatures.length; i++) {
            require(signatures[i].length == 65, "Signature of another length");
            address signer = ecrecover(
                digest, uint8(signatures[i][64]), bytes32(signatures[i][0:32]), bytes32(signatures[i][32:64])
            );
            if (signer <= last) revert UnorderedOrDuplicateAttesters(signer);
            if (!isAttester[signer]) revert SignerNotAttester(signer);
            last = signer;
        }
    }

    function _hashPayload(MintRequestPayload calldata payload) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(abi.encodePacked(PAYLOAD, ANCHORS)),
                keccak256(bytes(payload.pipelineRunId)),
                payload.baselineScoreBps,
                payload.candidateScoreBps,
                payload.maxCostUsdMicro,
                payload.actualCostUsdMicro,
                payload.totalSamples,
                _hashAnchors(payload.anchors),
                payload.baselineCommitment,
                payload.candidateCommitment,
                payload.deadline
            )
        );
    }

    function _hashAnchors(BenchmarkAnchors calldata anchors) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(bytes(ANCHORS)),
                anchors.benchmarkSpecHash,
                anchors.datasetHash,
                anchors.attestationHash,
                anchors.idempotencyKey,
                keccak256(bytes(anchors.metricName)),
                keccak256(bytes(anchors.metricFamily))
            )
        );
    }
}
