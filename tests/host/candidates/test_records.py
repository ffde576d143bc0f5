"""Records of candidates: of what they say, all must be there."""

import json

import msgspec
import pytest

from arch.machine import TINY
from host.manifest import ManifestError, manifest_of, read_manifest, write_manifest
from tests.samples.detectors import compiled, raw_maps


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return compiled(raw_maps(tmp_path_factory.mktemp("records")), TINY, 0.4)[1]


def test_round_trip(manifest):
    found = read_manifest(write_manifest(manifest).encode())
    assert found.candidates == manifest.candidates
    assert found.confidence == 0.4


def others(first):
    """Changes of one record, and what is said of them."""
    return {
        "no map of one bit in memory": {"tensor": first.of},
        "which is none of its results": {"results": ("t1",)},
        "is no result of its size": {"results": (first.of, "nothing")},
        "without as many signs and levels": {"sign": (1,)},
        "0 channels": {"channels": (), "sign": (), "level": ()},
        "does not have": {"channels": (4, 12, 99)},
    }


@pytest.mark.parametrize("said", [*others(type("", (), {"of": ""}))])
def test_what_does_not_fit(manifest, said):
    first, *rest = manifest.candidates
    changed = msgspec.structs.replace(first, **others(first)[said])
    with pytest.raises(ManifestError, match=said):
        write_manifest(msgspec.structs.replace(manifest, candidates=(changed, *rest)))


@pytest.mark.parametrize("change", [{"sign": [0, 1, 1]}, {"level": [1 << 41] * 3}, {"more": 1}])
def test_what_is_no_record(manifest, change):
    text = json.loads(write_manifest(manifest))
    record = {k: v for k, v in text.items() if not k.startswith("format") and k != "fingerprint"}
    record["candidates"][0] |= change
    with pytest.raises(ManifestError):
        manifest_of(record)
