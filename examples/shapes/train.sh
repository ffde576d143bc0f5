#!/usr/bin/env bash
# Train the bundled network again, from pictures that are rendered first; what is done is kept.
#
#   PYTHON=.venv/bin/python examples/shapes/train.sh build/shapes_data runs/shapes
#
# A float network, and MPQ from it.
set -euo pipefail
data=$1 out=$2
python="${PYTHON:-python}"
common=(--data "$data/data.yaml" --model plain32 --size 160x160 --threads 1 --seed 0 --resume)

step() { # name, then the options of its training
    [[ -f "$out/$1/final.pt" ]] || "$python" -m quant train "${common[@]}" --out "$out/$1" "${@:2}"
}

[[ -f "$data/data.yaml" ]] || "$python" -m quant.render_dataset --out "$data"
step float --recipe float --augmentation overhead --epochs 8 --score-every 4
step mpq --recipe mpq --rate 1.5 --augmentation fixed --epochs 40 --score-every 10 --weights "$out/float"
"$python" -m quant eval "$out/mpq" --split test --record "$out/test.json"
"$python" -m quant export "$out/mpq" --out "$out/shapes.onnx" --record "$out/test.json"
