"""The control port: 32-bit registers at byte offsets of an AXI4-Lite subordinate."""

from amaranth.lib import enum

IDENTIFIER = 0x34454E4F
"""The bytes "ONE4": what a driver finds at offset 0."""


class Register(enum.IntEnum):
    """Byte offsets. R: read only; W1: write 1 to act; W1C: write 1 to clear; RW: read and write."""

    ID = 0x00  # R: IDENTIFIER
    VERSION = 0x04  # R: ISA_VERSION
    CONFIG0 = 0x08  # R: rows 7:0, columns 15:8, lanes 23:16, memory port bytes 31:24
    CONFIG1 = 0x0C  # R: activation words 15:0, weight words 31:16
    CONFIG2 = 0x10  # R: table entries 15:0, accumulator bits 23:16, signs 24
    CONTROL = 0x14  # W1: bit 0 start, bit 1 abort
    STATUS = 0x18  # R: bit 0 busy, bit 1 done, bit 2 error, bit 3 aborting
    ERROR = 0x1C  # R: error code 7:0, the number waited for 31:16
    PROGRAM = 0x20  # RW: byte address of the program, a multiple of 4096
    IRQ_ENABLE = 0x24  # RW: bit 0 done, bit 1 error
    IRQ_STATUS = 0x28  # W1C: bit 0 done, bit 1 error
    WATCHDOG = 0x2C  # RW: cycles without progress before a run ends with an error; 0: never
    CYCLES = 0x30  # R: cycles from start to done
    PASSES = 0x34  # R: cycles in which the array had a pass
    STALL_LOAD = 0x38  # R: cycles the sequencer waited for a load
    STALL_OUTPUT = 0x3C  # R: cycles the sequencer waited for room in the output buffer
    STALL_DRAIN = 0x40  # R: cycles the sequencer waited for earlier results to leave
    LOADER_WAIT = 0x44  # R: cycles the loader waited for a compute
    LOADS = 0x48  # R: loads complete
    COMPUTED = 0x4C  # R: computes whose last result is in the output buffer
    STORED = 0x50  # R: computes whose results memory has acknowledged
    READ_BEATS = 0x54  # R: beats read
    WRITE_BEATS = 0x58  # R: beats written


WATCHDOG_DEFAULT = 1 << 20


class ErrorCode(enum.IntEnum):
    """Why a run ended early. 16 and up: the watchdog, by which unit waited for what."""

    NONE = 0
    ILLEGAL_INSTRUCTION = 1
    READ_RESPONSE = 2  # memory answered a read with an error
    WRITE_RESPONSE = 3  # memory answered a write with an error
    ABORTED = 4
    PROGRAM_WAITS_FOR_READ = 16  # the dispatcher has no instruction, memory is silent
    LOADER_WAITS_FOR_COMPUTE = 17
    LOADER_WAITS_FOR_READ = 18
    SEQUENCER_WAITS_FOR_LOAD = 19
    SEQUENCER_WAITS_FOR_OUTPUT = 20
    END_WAITS_FOR_STORE = 21
