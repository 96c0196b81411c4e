"""After the log grew: witnesses cosign, an authority stamps, the mirror follows; and what a fork looks like to them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from teleprompt.config.public_log import PublicLogConfig
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.tracking.connection import mlflow_client
from teleprompt.transparency import stamp
from teleprompt.transparency.append import LogWriter
from teleprompt.transparency.check import CheckedLog
from teleprompt.transparency.entries import signers_entry
from teleprompt.transparency.log import HEAD, PublicLog
from teleprompt.transparency.publish import publish
from teleprompt.transparency.stamp import StampError
from teleprompt.transparency.tiles import reader_of
from teleprompt.transparency.vouched import sizes, stamp_of, vouched
from tests.stock_tools import needs
from tests.transparency.keys import ORIGIN, Cosigner, log_config
from tests.transparency.services import Authority, Witness, served

ONE, TWO, THREE, OTHER, FOURTH = (signers_entry(number=number, list_digest="ab" * 32) for number in range(1, 6))


@pytest.fixture
def log(settings: Settings) -> Iterator[PublicLog]:
    with mlflow_client(settings.tracking_uri) as client:
        yield PublicLog(client, settings.storage_uri)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    needs("openssl")
    return Authority(tmp_path_factory.mktemp("tsa"))


def config(url: str, *witnesses: Witness, **more: object) -> PublicLogConfig:
    named = [{"url": url, "key": str(one.cosigner.key)} for one in witnesses]
    given = log_config().model_dump() | {"key": log_config().key, "witnesses": named, **more}
    return PublicLogConfig.model_validate(given)


def add(log: PublicLog, config: PublicLogConfig, *entries: bytes) -> list[str]:
    LogWriter(log, config).append(*entries)
    return publish(log, config)


def test_a_witness_cosigns_each_checkpoint(log: PublicLog) -> None:
    witness = Witness(ORIGIN)
    with served(witness) as url:
        assert add(log, config(url, witness), ONE) == []
        assert add(log, config(url, witness), TWO, THREE) == []
    assert witness.asked == [1, 3]
    signed = log.checkpoint()
    assert signed is not None
    assert signed.note.time_of(witness.cosigner.key) == witness.moment
    assert sizes(log) == [1, 3]


def test_a_witness_that_was_away_is_asked_again(log: PublicLog) -> None:
    witness = Witness(ORIGIN)
    nowhere = config("http://127.0.0.1:9", witness)
    assert add(log, nowhere, ONE) == [
        "The witness witness.example/w has not cosigned the public log's checkpoint: it did not answer (ConnectError)."
    ]
    with served(witness) as url:
        assert add(log, config(url, witness)) == []
    assert witness.asked == [1]


def test_a_witness_that_knows_more_than_is_remembered_here_is_told_what_it_asks_for(log: PublicLog) -> None:
    """As after the files of what it cosigned were lost."""
    witness = Witness(ORIGIN)
    with served(witness) as url:
        add(log, config(url, witness), ONE, TWO)
        shutil.rmtree(Path(log.uri) / "witnessed")
        assert add(log, config(url, witness), THREE) == []
    assert witness.asked == [2, 3]


@pytest.mark.parametrize(
    ("status", "said"),
    [("another log", "it does not know the log"), ("another key", "no signature by the configured key")],
)
def test_a_witness_that_does_not_help_is_named(log: PublicLog, status: str, said: str) -> None:
    witness = Witness("log.example/another" if status == "another log" else ORIGIN)
    known = Witness(ORIGIN, cosigner=Cosigner(seed=80)) if status == "another key" else witness
    with served(witness) as url:
        assert said in add(log, config(url, known), ONE)[0]
    assert log.checkpoint() is not None


def test_a_fork_shows_to_the_witness_alone(log: PublicLog, settings: Settings, tmp_path: Path) -> None:
    """A restored copy goes on beside the log: each holds what it says, and the witness cosigns only the first."""
    witness = Witness(ORIGIN)
    with served(witness) as url:
        add(log, config(url, witness), ONE, TWO)
        head, copy = log.tags[HEAD], tmp_path / "copy"
        shutil.copytree(log.uri, copy)
        assert add(log, config(url, witness), THREE) == []
        shutil.rmtree(log.uri)
        shutil.copytree(copy, log.uri)
        log.tag(HEAD, head)
        (said,) = add(log, config(url, witness), OTHER)
        assert "it has cosigned another root of that size" in said or "does not go on from what it has seen" in said
        (said,) = add(log, config(url, witness), FOURTH)
    assert "the log does not go on from what it has seen: there are two logs of one name" in said
    assert CheckedLog.open(log.read, log.key).report().size == 4


def test_a_log_that_was_rolled_back_shows_to_the_witness(log: PublicLog, tmp_path: Path) -> None:
    witness = Witness(ORIGIN)
    with served(witness) as url:
        add(log, config(url, witness), ONE)
        head, copy = log.tags[HEAD], tmp_path / "copy"
        shutil.copytree(log.uri, copy)
        add(log, config(url, witness), TWO, THREE)
        shutil.rmtree(log.uri)
        shutil.copytree(copy, log.uri)
        log.tag(HEAD, head)
        (said,) = add(log, config(url, witness), OTHER)
    assert "it has seen 3 entries, and here are 2: the log was rolled back" in said


def test_the_mirror_follows(log: PublicLog, tmp_path: Path) -> None:
    witness, place = Witness(ORIGIN), tmp_path / "www"
    with served(witness) as url:
        mirrored = config(url, witness, mirror=str(place))
        add(log, mirrored, ONE)
        add(log, mirrored, TWO, THREE)
    copy = CheckedLog.open(reader_of(str(place)), log.key)
    assert copy.signed.data == log.read("checkpoint")
    assert copy.report().witnesses == ("witness.example/w",)
    assert not (place / "index").exists()


def test_a_mirror_that_cannot_be_written_holds_nothing_up(log: PublicLog, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (said,) = add(log, config("http://127.0.0.1:9", mirror=str(tmp_path / "file/www")), ONE)
    assert said.startswith("The mirror ")
    assert said.endswith("cannot be written (NotADirectoryError).")
    assert log.checkpoint() is not None


def test_a_checkpoint_is_stamped(log: PublicLog, authority: Authority) -> None:
    from cryptography.x509 import load_pem_x509_certificates

    with served(authority=authority) as url:
        assert add(log, config(url, timestamp_url=f"{url}/stamp"), ONE) == []
    signed, stamped = vouched(log, 1), stamp_of(log, 1)
    assert signed is not None
    assert stamped is not None
    text = signed.note.text.encode()
    assert authority.verifies(stamped, text)
    ca, tsa = ((authority.folder / name).read_bytes() for name in ("ca.pem", "tsa.pem"))
    for trusted in (ca, tsa):
        moment = stamp.verify(stamped, text, load_pem_x509_certificates(trusted))
        assert moment == stamp.stamped_at(stamped, text)


def test_a_stamp_that_does_not_hold_is_refused(authority: Authority, tmp_path: Path) -> None:
    from cryptography.x509 import load_pem_x509_certificates

    trusted = load_pem_x509_certificates((authority.folder / "ca.pem").read_bytes())
    stamped = authority.stamp(stamp.request_of(b"a checkpoint"))
    assert stamp.verify(stamped, b"a checkpoint", trusted).tzinfo is not None
    with pytest.raises(StampError, match="of something else than the log's checkpoint"):
        stamp.verify(stamped, b"another", trusted)
    (tmp_path / "other").mkdir()
    others = load_pem_x509_certificates((Authority(tmp_path / "other").folder / "ca.pem").read_bytes())
    with pytest.raises(StampError, match="not by an authority that is trusted"):
        stamp.verify(stamped, b"a checkpoint", others)
    refused = 0
    for at in range(len(stamped)):
        changed = bytearray(stamped)
        changed[at] ^= 1
        try:
            stamp.verify(bytes(changed), b"a checkpoint", trusted)
        except StampError:
            refused += 1
    assert refused > 0.5 * len(stamped)  # certificates that nobody needs may be changed, and what is not signed
    for cut in range(0, len(stamped), 40):
        with pytest.raises(StampError):
            stamp.verify(stamped[:cut], b"a checkpoint", trusted)


def test_the_settings_refuse_what_is_no_key_of_a_witness(log: PublicLog) -> None:
    wrong = PublicLogConfig.model_validate(
        {"origin": ORIGIN, "key": log_config().key, "witnesses": [{"url": "http://127.0.0.1:9", "key": "w+1+x"}]}
    )
    (said,) = add(log, wrong, ONE)
    assert "correct its key" in said
    with pytest.raises(ConfigurationError, match="no key of the public log"):
        LogWriter(log, PublicLogConfig(origin=ORIGIN)).append(TWO)
