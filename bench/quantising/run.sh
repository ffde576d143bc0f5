#!/bin/sh
# Average precision of float networks, and of what `compiler quantize` makes of them.
# usage: bench/quantising/run.sh MODEL.onnx SIDE-CAR.json NAME PICTURES data.yaml ["W A OPTIONS" ...]
# SIDE-CAR.json: - where the file says itself what its boxes are.
# Looks at the folder PICTURES, scores on the val split of data.yaml, writes bench/quantising/NAME.json.
set -eu
model=$1 description=$2 name=$3 pictures=$4 data=$5
shift 5
[ "$description" = - ] && described="" || described="--description $description"
[ $# -gt 0 ] || set -- "8 8" "4 8" "4 4"
python=${PYTHON:-python} work=build/quantising/$name files=""
mkdir -p "$work"
for case in "$@"; do
    weights=${case%% *} rest=${case#* }
    acts=${rest%% *} options=""
    [ "$acts" = "$rest" ] || options=${rest#* }
    file=$work/w${weights}a${acts}$(echo "$options" | tr -d ' -' | sed 's/^./_&/').onnx
    # shellcheck disable=SC2086
    [ -e "$file" ] || "$python" -m compiler quantize "$model" $described \
        --data "$pictures" --weights "$weights" --acts "$acts" $options -o "$file"
    files="$files $file"
done
# shellcheck disable=SC2086
"$python" -m golden score "$model" $files $described --data "$data" \
    --record "bench/quantising/$name.json"
