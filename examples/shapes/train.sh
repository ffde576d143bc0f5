#!/usr/bin/env bash
# Train the bundled network again, from pictures that are rendered first; what is done is kept.
#
#   PYTHON=.venv/bin/python examples/shapes/train.sh build/shapes_data runs/shapes
#
# A float network, then MPQ: stage by stage, and twice more with everything quantised, each from the one
# before. The record of examples/shapes/shapes.json is the last one's.
set -euo pipefail
data=$1 out=$2
python="${PYTHON:-python}"
common=(--data "$data/data.yaml" --model plain32 --size 160x160 --threads 1 --seed 0 --resume)

step() { # name, then the options of its training
    [[ -f "$out/$1/final.pt" ]] || "$python" -m quant train "${common[@]}" --out "$out/$1" "${@:2}"
}

[[ -f "$data/data.yaml" ]] || "$python" -m quant.render_dataset --out "$data"
step float --recipe float --augmentation overhead --epochs 8 --score-every 4
mpq=(--recipe mpq --augmentation fixed)
step stages "${mpq[@]}" --epochs 24 --score-every 6 --weights "$out/float"
step again "${mpq[@]}" --no-progressive --rate 1.5 --epochs 14 --score-every 7 --weights "$out/stages"
step last "${mpq[@]}" --no-progressive --rate 1.5 --epochs 10 --score-every 10 --weights "$out/again"
"$python" -m quant eval "$out/last" --split test --record "$out/test.json"
"$python" -m quant export "$out/last" --out "$out/shapes.onnx" --record "$out/test.json"
