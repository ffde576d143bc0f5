"""Records of candidates: of what they say, all must be there."""

import json

import msgspec
import pytest

from arch.machine import TINY
from compiler.flow import HOST
from host.candidates.records import HostHead
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


@pytest.fixture(scope="module")
def hosted(tmp_path_factory):
    return compiled(raw_maps(tmp_path_factory.mktemp("hosted")), TINY, 0.4, HOST)[1]


def test_heads_round_trip(hosted):
    assert read_manifest(write_manifest(hosted).encode()).heads == hosted.heads


def wrong_heads(first, second):
    """Changes of the first head, and what is said of them."""
    return {
        "is not stored": {"of": "nothing"},
        "no map of codes": {"features": "nothing"},
        "scales for": {"channels": first.channels + 1},
        "is no result of its size": {"features": second.features},
    }


NONE = HostHead(of="", channels=1, features="", step=1, offset=0)


@pytest.mark.parametrize("said", [*wrong_heads(NONE, NONE)])
def test_heads_that_do_not_fit(hosted, said):
    first, second = hosted.heads
    changed = msgspec.structs.replace(first, **wrong_heads(first, second)[said])
    with pytest.raises(ManifestError, match=said):
        write_manifest(msgspec.structs.replace(hosted, heads=(changed, second)))


def test_heads_of_what_a_program_computes(hosted, manifest):
    """Neither what is no result, nor what lies in memory."""
    own = manifest.candidates[0]
    features = manifest.layer_of(own.tensor).tensor
    head = msgspec.structs.replace(hosted.heads[0], of=own.of, features=features)
    more = msgspec.structs.replace(head, of="nothing")
    for heads in ((head,), (more,)):
        with pytest.raises(ManifestError, match="no result, or one that a program computes"):
            write_manifest(msgspec.structs.replace(manifest, heads=heads))


def test_heads_that_no_map_is_about(hosted):
    with pytest.raises(ManifestError, match="no map says where it is needed"):
        write_manifest(msgspec.structs.replace(hosted, candidates=hosted.candidates[1:]))


@pytest.mark.parametrize("change", [{"step": 0}, {"offset": 1 << 40}, {"channels": 0}])
def test_what_is_no_head(hosted, change):
    text = json.loads(write_manifest(hosted))
    record = {k: v for k, v in text.items() if not k.startswith("format") and k != "fingerprint"}
    record["heads"][0] |= change
    with pytest.raises(ManifestError):
        manifest_of(record)


@pytest.mark.parametrize("change", [{"sign": [0, 1, 1]}, {"level": [1 << 41] * 3}, {"more": 1}])
def test_what_is_no_record(manifest, change):
    text = json.loads(write_manifest(manifest))
    record = {k: v for k, v in text.items() if not k.startswith("format") and k != "fingerprint"}
    record["candidates"][0] |= change
    with pytest.raises(ManifestError):
        manifest_of(record)
