"""Damaged build folders: ``python -m tests.corrupt_builds BUILD --count N``.

Every command that reads a build must answer each with one message (exit status 2), or with a
difference found (1), or run it rightly (0); never with a traceback. Kinds of damage: bits and
lengths of any file; the program image behind a right checksum; values of the manifest, under its
old seal and under a new one; files of another build.
"""

import argparse
import contextlib
import io
import json
import shutil
import struct
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

import compiler.__main__
import golden.__main__
from host.manifest import digest, seal

VALUES = [None, True, -1, 0, 1, 7, 1 << 20, 1 << 33, 1 << 70, 0.5, 1e308, "", "x", [], [1], {},
          {"a": 1}, "1e999"]  # fmt: skip


def places(value, path=()):
    """Every place in a JSON document."""
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(min(len(value), 3)):
            yield from places(value[index], (*path, index))


def flip(content: bytes, rng) -> bytes:
    """A few bytes changed, or the end cut off, or bytes put in."""
    changed = bytearray(content)
    choice = rng.integers(4)
    if choice == 0:
        return bytes(changed[: rng.integers(len(changed))])
    if choice == 1:
        at = int(rng.integers(len(changed)))
        changed[at:at] = rng.bytes(int(rng.integers(1, 9)))
        return bytes(changed)
    for _ in range(int(rng.integers(1, 5))):
        changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
    return bytes(changed)


def change_json(manifest: dict, rng) -> dict:
    """One value of the manifest changed or removed."""
    manifest = json.loads(json.dumps(manifest))
    every = list(places(manifest))
    path = every[rng.integers(len(every))]
    place = manifest
    for key in path[:-1]:
        place = place[key]
    if rng.random() < 0.2:
        del place[path[-1]]
    else:
        place[path[-1]] = VALUES[rng.integers(len(VALUES))]
    return manifest


def seal_folder(folder: Path, manifest: dict) -> None:
    """Write the manifest as if the compiler had written all of the folder so."""
    if isinstance(manifest.get("files"), dict):
        for name in ("program.bin", "model.onnx"):
            if (folder / name).exists():
                manifest["files"][name] = digest((folder / name).read_bytes())
    (folder / "manifest.json").write_text(json.dumps(seal(manifest)))


def corrupt(folder: Path, other: Path, rng) -> str:
    """Damage a build folder; return what was done."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    kind = ["bytes", "checksum", "checksum, sealed", "value", "value, sealed", "other"][
        rng.integers(6)
    ]
    name = ["program.bin", "manifest.json", "model.onnx"][rng.integers(3)]
    match kind:
        case "bytes":
            (folder / name).write_bytes(flip((folder / name).read_bytes(), rng))
            return f"{kind} of {name}"
        case "checksum" | "checksum, sealed":
            content = (folder / "program.bin").read_bytes()
            body = bytearray(content[:-4])
            for _ in range(int(rng.integers(1, 6))):
                most = 4096 if rng.random() < 0.5 else len(body)
                body[rng.integers(8, min(most, len(body)))] = rng.integers(256)
            body = bytes(body)
            (folder / "program.bin").write_bytes(body + struct.pack("<I", zlib.crc32(body)))
            if kind.endswith("sealed"):
                seal_folder(folder, manifest)
        case "value":
            path.write_text(json.dumps(change_json(manifest, rng)))
        case "value, sealed":
            seal_folder(folder, change_json(manifest, rng))
        case _:
            shutil.copyfile(other / name, folder / name)
            if rng.random() < 0.5:
                seal_folder(folder, json.loads(path.read_text()))
            return f"{name} of another build"
    return kind


def answer(arguments: list[str], run) -> str:
    """How a command ends: its exit status, or a traceback."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run(arguments)
    except BaseException:  # whatever it is, it is what we look for
        return "traceback: " + traceback.format_exc().strip().splitlines()[-1]
    lines = err.getvalue().strip().splitlines()
    if status == 2 and len(lines) != 1:
        return f"{len(lines)} lines of message"
    return f"status {status}"


def run(build: Path, other: Path, picture: Path, count: int, first: int = 0) -> Counter:
    """Damage copies of ``build`` with seeds from ``first`` on; how each was answered."""
    answers: Counter = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(first, first + count):
            folder = Path(scratch) / "build"
            shutil.copytree(build, folder)
            told = corrupt(folder, other, np.random.default_rng(seed))
            started = time.monotonic()
            commands = {
                "golden run": (["run", str(folder), "--image", str(picture)], golden.__main__.main),
                "disassemble": (["disassemble", str(folder)], compiler.__main__.main),
            }
            for name, (arguments, main) in commands.items():
                found = answer(arguments, main)
                answers[name, told.split(" of ")[0], found] += 1
                if found.startswith(("traceback", "0 ")) or "lines" in found:
                    print(f"seed {seed}, {told}: {name}: {found}", flush=True)
            if time.monotonic() - started > 30:
                print(f"seed {seed}, {told}: {time.monotonic() - started:.0f} s", flush=True)
                answers["slow", told, ""] += 1
            shutil.rmtree(folder)
    return answers


def main() -> int:
    """Run, print how the commands ended, and fail where one ended in a traceback."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--other", type=Path, required=True, help="another build")
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1800)
    parser.add_argument("--first", type=int, default=0)
    a = parser.parse_args()
    answers = run(a.build, a.other, a.image, a.count, a.first)
    for (command, kind, found), number in sorted(answers.items()):
        print(f"{number:6d}  {command:12s} {kind:18s} {found}")
    bad = sum(n for (_, _, found), n in answers.items() if not found.startswith("status"))
    print(f"seeds {a.first}..{a.first + a.count - 1}: {bad} not answered properly")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
