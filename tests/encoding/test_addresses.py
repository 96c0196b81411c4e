import pytest

from teleprompt.encoding.addresses import AddressError, checksum_address
from tests.support import ALICE, BOB


# The first four are the examples of EIP-55 itself.
@pytest.mark.parametrize(
    "address",
    [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        ALICE,
        BOB,
    ],
)
def test_a_right_checksum_passes_and_bare_cases_are_normalised(address: str) -> None:
    assert checksum_address(address) == address
    assert checksum_address(address.lower()) == address
    assert checksum_address("0x" + address[2:].upper()) == address


@pytest.mark.parametrize(
    "text",
    [
        "0x742d35Cc6634C0532925a3b844Bc9e7595f62341",  # the documents' own example: a wrong checksum
        "742D35cc6634C0532925A3B844BC9E7595f62341",
        "0x742D35cc6634C0532925A3B844BC9E7595f6234",
        "0x742D35cc6634C0532925A3B844BC9E7595f62341 ",
        "0X742D35CC6634C0532925A3B844BC9E7595F62341",
        "0x" + "0" * 40,
        "0xinvalid",
        "",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        checksum_address(text)
