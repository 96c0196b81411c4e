"""The public log in a deep verification: all of it is read, and the document has to be in it."""

from typing import TYPE_CHECKING

from teleprompt.attest.document import Attestation
from teleprompt.attest.log_files import check_openings
from teleprompt.audit.verify_deep import DeepCheck
from teleprompt.errors import TelepromptError
from teleprompt.transparency.check import CheckedLog
from teleprompt.transparency.entries import attestation_entry
from teleprompt.transparency.log import PublicLog

if TYPE_CHECKING:
    from mlflow import MlflowClient


def check_public_log(client: "MlflowClient", storage_uri: str, attestation: Attestation) -> list[DeepCheck]:
    """That the whole log is as it was signed, and says of the document's trial what the document does.

    Nothing where this installation has no log.
    """
    log, document = PublicLog(client, storage_uri), attestation.to_dict()
    try:
        signed = log.checkpoint()
        if signed is None:
            return []
        opened = CheckedLog.open(log.read, log.key)
        twice = opened.report().twice
        index = log.find(attestation_entry(document), signed.checkpoint)
        if index is None or twice:
            missing = "the document is not in it; `teleprompt attest log update` adds it"
            said = f"{twice} entries stand there twice" if twice else missing
            return [DeepCheck(name="public log", holds=False, detail=said)]
        found = check_openings(opened, document, index)
    except TelepromptError as error:
        return [DeepCheck(name="public log", holds=False, detail=str(error))]
    return [DeepCheck(name="public log", holds=True, detail=f"entry {index} of {signed.checkpoint.size}; {found}")]
