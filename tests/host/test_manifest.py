"""The manifest: written and read alike, sealed, and checked field by field."""

import copy
import json

import numpy as np
import pytest

from arch.machine import ECP5_85F, TINY
from compiler.describe import describe
from compiler.flow import compile_network
from host.manifest import (
    ManifestError,
    manifest_of,
    read_manifest,
    sealed_record,
    write_manifest,
)
from tests.samples.networks import Builder, everything


@pytest.fixture(scope="module")
def text():
    network, _ = everything(0, 16, 24)
    return write_manifest(describe(compile_network(network, TINY)))


@pytest.fixture
def record(text):
    content = json.loads(text)
    return {k: v for k, v in content.items() if not k.startswith("format") and k != "fingerprint"}


def test_round_trip(text):
    manifest = read_manifest(text.encode())
    assert write_manifest(manifest) == text
    assert manifest.machine == TINY
    raw = [layer for layer in manifest.layers if layer.kind == "raw"]
    assert raw
    assert manifest.layer_of(manifest.outputs[0].tensor) in manifest.layers


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"{", b"null", b"5", b"{}", b"[" * 100000, b'{"format": NaN}']
)
def test_what_is_no_manifest(content):
    with pytest.raises(ManifestError):
        sealed_record(content)


def test_every_change_breaks_the_seal(text):
    rng = np.random.default_rng(1)
    print("seed 1")
    for _ in range(300):
        changed = bytearray(text.encode())
        at = int(rng.integers(len(changed)))
        changed[at] = int(rng.integers(32, 127))
        if json_or_none(changed) != json.loads(text):
            with pytest.raises(ManifestError):
                read_manifest(bytes(changed))


def json_or_none(content):
    try:
        return json.loads(content)
    except ValueError:
        return None


def test_another_version(text):
    content = json.loads(text)
    del content["fingerprint"]
    content["format_version"] = 99
    with pytest.raises(ManifestError, match="changed or damaged"):
        read_manifest(json.dumps(content).encode())


#: (path, value) that must be refused even under a right seal.
WRONG = [
    (("picture", "channels"), 4), (("picture", "row_bytes"), 2), (("picture", "height"), 1 << 31),
    (("picture", "address"), -1), (("memory_bytes",), 0), (("input_scale",), 0.0),
    (("input_scale",), None), (("layers",), []), (("outputs",), []), (("fused",), 5),
    (("layers", 0, "kind"), "other"), (("layers", 0, "bits"), 99), (("layers", 0, "channels"), 0),
    (("layers", 0, "address"), (1 << 32) - 1), (("layers", 0, "position_bytes"), 3),
    (("layers", 0, "multiplier"), 0), (("layers", 0, "last_compute"), -1),
    (("layers", 0, "image_bytes"), 1), (("layers", 0, "base"), [1]),
    (("outputs", 0, "tensor"), "nowhere"), (("outputs", 0, "scale"), []),
    (("outputs", 0, "scale", 0), "x"), (("machine", "rows"), "8"), (("machine",), 3),
    (("detection",), {"classes": 3}), (("detection",), 5), (("unknown",), 1),
    (("layers", 1, "storage"), None), (("layers", -1, "base", 0), 10**400),
    (("layers", -1, "step", 0), -(1 << 63)),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value"), WRONG, ids=str)
def test_wrong_values(record, path, value):
    changed = copy.deepcopy(record)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ManifestError):
        manifest_of(changed)


#: Of a picture in blocks, as WRONG.
WRONG_BLOCKS = [
    ("block", 1), ("block", 3), ("block", 0), ("height", 15), ("width", 23), ("image_channels", 0),
    ("image_channels", 12), ("image_bytes", 1), ("position_bytes", 3), ("position_bytes", 0),
    ("row_bytes", 4), ("address", (1 << 32) - 64), ("corner", [1]), ("corner", [0, 2]),
    ("corner", [0, 0, 0]), ("pairs", True),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), WRONG_BLOCKS, ids=str)
def test_wrong_values_of_a_picture_in_blocks(key, value):
    b = Builder(1, 16, 24)
    b.conv("in", "head", 5, 6, stride=2, pad=2, raw=True)
    record = json.loads(write_manifest(describe(compile_network(b.network("head"), ECP5_85F))))
    for name in ("format", "format_version", "fingerprint"):
        del record[name]
    assert manifest_of(record).picture.block == 2
    record["picture"][key] = value
    with pytest.raises(ManifestError):
        manifest_of(record)


def test_every_missing_key(record):
    """Each required key at every level; those with defaults may be absent."""
    optional = {"input_scale", "detection", "files", "base", "step", "divisor", "pairs"}
    for path in [(), ("picture",), ("layers", 0), ("outputs", 0), ("prediction",)]:
        place = record
        for key in path:
            place = place[key]
        for key in set(place) - optional:
            changed = copy.deepcopy(record)
            target = changed
            for step in path:
                target = target[step]
            del target[key]
            with pytest.raises(ManifestError):
                manifest_of(changed)
