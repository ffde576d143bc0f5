"""The register map: what a driver relies on."""

from arch.registers import IDENTIFIER, WATCHDOG_DEFAULT, ErrorCode, Register


def test_offsets_are_words_without_gaps():
    assert [register.value for register in Register] == list(range(0, 4 * len(Register), 4))


def test_identifier_spells_one4():
    assert IDENTIFIER.to_bytes(4, "little") == b"ONE4"


def test_error_codes_fit_their_field():
    assert all(0 <= code < 256 for code in ErrorCode)


def test_watchdog_codes_are_apart_from_the_others():
    for code in ErrorCode:
        assert ("_WAITS_FOR_" in code.name) == (code >= 16)


def test_watchdog_default_fits():
    assert 0 < WATCHDOG_DEFAULT < 1 << 32
