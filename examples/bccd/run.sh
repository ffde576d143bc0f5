#!/usr/bin/env bash
# Train and score every row of docs/training_results.md for one seed, in order; what is done is kept.
#
#   examples/bccd/run.sh path/to/bccd/data.yaml runs/bccd 0
#
# Data: BCCD, blood cells, 205 / 87 / 72 pictures (MIT licence). About ten minutes a row on one core.
set -euo pipefail
data=$1 out=$2 seed=$3
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
records="$here/bench/bccd"
python="${PYTHON:-python}"
common=(--data "$data" --seed "$seed" --augmentation overhead --score-every 20 --threads 1 --resume)

row() { # name, then the options of its training
    local name=$1 run="$out/$1_s$seed"
    shift
    cd "$here"
    [[ -f "$run/final.pt" ]] || "$python" -m quant train "${common[@]}" --out "$run" "$@"
    "$python" -m quant eval "$run" --split test --record "$records/${name}_s$seed.json"
    if [[ -f "$run/uncorrected.pt" ]]; then
        "$python" -m quant eval "$run" --split test --uncorrected \
            --record "$records/${name}_before_qc_s$seed.json"
    fi
}

mkdir -p "$records"
row float200 --recipe float --epochs 200
from=(--weights "$out/float200_s$seed" --epochs 100)
# Float trained as long as the others, and everything else from the same start.
row float --recipe float --rate 0.5 "${from[@]}"
row w8a8 --recipe ema-qc --bits 8 --no-correction "${from[@]}"
row lsq4 --recipe lsq --bits 4 "${from[@]}"
row ema_qc4 --recipe ema-qc --bits 4 "${from[@]}"
row lsq3 --recipe lsq --bits 3 "${from[@]}"
row ema_qc3 --recipe ema-qc --bits 3 "${from[@]}"
row aqd2 --recipe aqd --bits 2 "${from[@]}"
row mpq_at_once --recipe mpq --no-progressive "${from[@]}"
row mpq --recipe mpq "${from[@]}"
row all_binary --recipe mpq --all-binary "${from[@]}"
