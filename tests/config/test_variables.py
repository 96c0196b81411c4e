"""A variable that nothing reads is named, with the one that was probably meant."""

import pytest

from teleprompt.config.variables import unknown_variables


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("TELEPROMPT_STORGE_URI", "TELEPROMPT_STORAGE_URI"),
        ("TELEPROMPT_SIGNER__KEYSTOR", "TELEPROMPT_SIGNER__KEYSTORE"),
        ("TELEPROMPT_LM__MODELL", "TELEPROMPT_LM__MODEL"),
        ("TELEPROMPT_RETENTION__SNAPSHOT_DAYS", "TELEPROMPT_RETENTION__SNAPSHOTS_DAYS"),
        ("TELEPROMPT_LM_MODEL", "TELEPROMPT_LM__MODEL"),
    ],
)
def test_what_was_probably_meant_is_named(variable: str, meant: str) -> None:
    assert unknown_variables({variable: "x", "PATH": "/bin"}) == [f"{variable} is no setting; did you mean {meant}?"]


@pytest.mark.parametrize(
    "variable",
    [
        "TELEPROMPT_STORAGE_URI",
        "TELEPROMPT_LM",
        "TELEPROMPT_LM__API_BASE",
        "TELEPROMPT_SIGNER__COMMAND",
        "TELEPROMPT_SIGNER__KEYSTORE__crypto__cipher",
        "TELEPROMPT_PROGRAM__ROLLOUT__SHARE",
        "TELEPROMPT_TRUSTED_SIGNERS",
        "TELEPROMPT_DEFAULT_ALERTS__ARGUMENTS",
        "TELEPROMPT_DEBUG",
    ],
)
def test_settings_and_values_of_program_files_are_known(variable: str) -> None:
    assert unknown_variables({variable: "x"}) == []


def test_what_resembles_nothing_is_named_all_the_same() -> None:
    (told,) = unknown_variables({"TELEPROMPT_QUX": "x"})
    assert told.startswith("TELEPROMPT_QUX is no setting; `teleprompt doctor`")
