#!/usr/bin/env bash
# Train and score the trained rows of the blood cells' table (docs/training_results.md) for one seed, in
# order; what is done is kept. From the repository's folder:
#
#   PYTHON=.venv/bin/python examples/bccd/run.sh path/to/bccd/data.yaml runs/bccd 0
#
# Data: github.com/Shenggan/BCCD_Dataset, blood cells, its own 205 / 87 / 72 pictures (MIT licence), with
# its XML boxes converted to YOLO's text files. About five minutes a row on one idle core, and
# twenty for the float network that all of them start from; its seed is 0 whatever theirs.
set -euo pipefail
data=$1 out=$2 seed=$3 model=${4:-plain32}
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
records="$here/bench/bccd"
python="${PYTHON:-python}"
common=(--data "$data" --model "$model" --score-every 20 --threads 1 --resume)

row() { # name, seed, then the options of its training
    local name=${model}_$1_s$2 run="$out/${model}_$1_s$2" seed=$2
    shift 2
    cd "$here"
    [[ -f "$run/final.pt" ]] || "$python" -m quant train "${common[@]}" --seed "$seed" --out "$run" "$@"
    score "$run" "$records/$name.json"
    [[ ! -f "$run/uncorrected.pt" ]] || score "$run" "$records/${name}_before_qc.json" --uncorrected
}

score() { # folder, record, options: the test pictures are looked at once
    [[ -f "$2" ]] || "$python" -m quant eval "$1" --split test --record "$2" "${@:3}"
}

mkdir -p "$records"
row float400 0 --recipe float --epochs 400 --augmentation overhead
# All cells are seen from the same distance: sizes stay as they are from here on.
from=(--weights "$out/${model}_float400_s0" --epochs 80 --augmentation fixed)
# Float trained as long as the others, and everything else from the same start.
row float "$seed" --recipe float --rate 0.5 "${from[@]}"
row w8a8 "$seed" --recipe ema-qc --bits 8 --no-correction --rate 0.5 "${from[@]}"
row lsq4 "$seed" --recipe lsq --bits 4 --rate 0.5 "${from[@]}"
row ema_qc4 "$seed" --recipe ema-qc --bits 4 --rate 0.5 "${from[@]}"
row lsq3 "$seed" --recipe lsq --bits 3 --rate 0.5 "${from[@]}"
row ema_qc3 "$seed" --recipe ema-qc --bits 3 --rate 0.5 "${from[@]}"
row aqd2 "$seed" --recipe aqd --bits 2 --rate 0.5 "${from[@]}"
row mpq_at_once "$seed" --recipe mpq "${from[@]}"
row mpq "$seed" --recipe mpq --progressive "${from[@]}"
row all_binary "$seed" --recipe mpq --progressive --all-binary "${from[@]}"
# Three times as long: what the network in this folder had.
row mpq240_at_once "$seed" --recipe mpq "${from[@]}" --epochs 240
