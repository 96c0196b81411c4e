"""The log where there are objects and no folders."""

from uuid import uuid4

from teleprompt.config.settings import Settings
from teleprompt.tracking.connection import mlflow_client
from teleprompt.transparency.append import LogWriter
from teleprompt.transparency.check import CheckedLog
from teleprompt.transparency.entries import signers_entry
from teleprompt.transparency.log import PublicLog
from teleprompt.transparency.publish import publish
from teleprompt.transparency.tiles import reader_of
from teleprompt.transparency.vouched import sizes
from tests.transparency.keys import ORIGIN, log_config
from tests.transparency.services import Witness, served


def test_it_is_added_to_witnessed_and_mirrored(settings: Settings) -> None:
    own, mirror = (f"memory://{uuid4()}/{name}" for name in ("storage", "www"))
    witness = Witness(ORIGIN)
    with served(witness) as url, mlflow_client(settings.tracking_uri) as client:
        named = [{"url": url, "key": str(witness.cosigner.key)}]
        config = log_config().model_copy(update={"mirror": mirror})
        config = type(config).model_validate({**config.model_dump(), "key": config.key, "witnesses": named})
        log = PublicLog(client, own)
        for number in range(1, 4):
            LogWriter(log, config).append(signers_entry(number=number, list_digest="ab" * 32))
            assert publish(log, config) == []
        assert sizes(log) == [1, 2, 3]
        assert CheckedLog.open(log.read, log.key).report().size == 3
        assert CheckedLog.open(reader_of(mirror), log.key).report().witnesses == (witness.cosigner.key.name,)
