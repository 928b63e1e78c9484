#!/bin/sh
# Measures this artifact on an Android device, or on the board that runs this script, and writes
# measured.json beside it.
#
#   bench/bench.sh                                  on the device that adb finds
#   BENCHMARK_MODEL=./benchmark_model bench/bench.sh
#   bench/bench.sh --use_gpu=true                   further words go to benchmark_model
#   ADB= BENCHMARK_MODEL=./benchmark_model bench/bench.sh      on this board, without adb
#
# It needs adb, and TensorFlow Lite's benchmark_model for the device: BENCHMARK_MODEL names it, a
# file here or a path on the device; else it is looked for as /data/local/tmp/benchmark_model, on
# a board wherever commands are.
# ADB, ANDROID_SERIAL, RUNS and THREADS are read too. Then: mcompile check DIR --measured FILE
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
case_model='' case_threads='' case_inputs='' case_words=''
# shellcheck source=/dev/null
. "$here/case.env"
adb=${ADB-adb}
if [ -n "$adb" ]; then tools=/data/local/tmp; else tools=${TMPDIR:-/tmp}; fi
place=$tools/mcompile-$$
runs=${RUNS:-200}
threads=${THREADS:-$case_threads}
out=$here/measured.json
log=$here/benchmark_model.log

fail() {
    printf 'error: %s\n  in   %s\n  try  %s\n' "$1" "$2" "$3" >&2
    exit 7
}

quoted() { # the text as JSON
    printf '"'
    printf '%s' "$1" | tr -d '\000-\037' | sed 's/[\\"]/\\&/g'
    printf '"'
}

on_device() {
    if [ -n "$adb" ]; then
        "$adb" shell "$1" </dev/null | tr -d '\r'
    else
        sh -c "$1" </dev/null
    fi
}

give() { # a file or a folder to the device
    if [ -n "$adb" ]; then "$adb" push "$1" "$2" >/dev/null; else cp -R "$1" "$2"; fi
}

take() { # a file from the device
    if [ -n "$adb" ]; then "$adb" pull "$1" "$2" >/dev/null; else cp "$1" "$2"; fi
}

heat() { # the battery's or the processor's, in degrees Celsius
    if [ -n "$adb" ]; then
        on_device 'dumpsys battery' | awk '$1 == "temperature:" { printf "%.1f", $2 / 10; exit }'
    else
        awk '{ printf "%.1f", $1 / 1000; exit }' /sys/class/thermal/thermal_zone0/temp 2>/dev/null
    fi
}

checksum() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi |
        cut -d ' ' -f 1
}

[ -z "$adb" ] || command -v "$adb" >/dev/null || fail 'adb is not here' "$adb" \
    'install the Android platform tools; on the board itself, ADB= bench/bench.sh'
[ -z "$adb" ] || "$adb" get-state >/dev/null 2>&1 || fail 'adb finds no device' 'adb get-state' \
    'connect one and allow USB debugging; with several, set ANDROID_SERIAL'

trap 'on_device "rm -rf $place" >/dev/null 2>&1 || true' EXIT
on_device "mkdir -p $place" >/dev/null
tool=$tools/benchmark_model
[ -n "$adb" ] || tool=$(command -v benchmark_model || printf '%s' "$tool")
tool=${BENCHMARK_MODEL:-$tool}
if [ -f "$tool" ]; then
    give "$tool" "$place/benchmark_model"
    tool=$place/benchmark_model
    on_device "chmod +x $tool" >/dev/null
fi
[ "$(on_device "[ -x '$tool' ] && echo yes" || true)" = yes ] ||
    fail 'benchmark_model is not on the device' "$tool" 'BENCHMARK_MODEL=FILE, for the device'
give "$here/../$case_model" "$place/model.tflite"
[ -z "$case_inputs" ] || give "$here/inputs" "$place/"

fed=$case_words
[ -z "$case_inputs" ] ||
    fed="$fed --input_layer_value_files=$(printf '%s' "$case_inputs" | sed "s#@#$place/inputs/#g")"
words="--graph=$place/model.tflite --num_threads=$threads $fed $*"
before=$(heat || true)
on_device "$tool --num_runs=$runs --min_secs=1 --warmup_runs=10 $words 2>&1" >"$log" || true
after=$(heat || true)

# The last such line is of the timed runs, the one before of those that warmed up. Microseconds.
# A profiler's own sums follow behind them.
stats=$(sed -n -e '/Memory (/d' -e '/Timings (/d' -e 's/.*\(count=[1-9].*\)/\1/p' "$log" | tail -n 1)
[ -n "$stats" ] || fail 'benchmark_model gave no times' "$log" 'read what it says there'

value() { # of a key in the line, in milliseconds
    printf '%s\n' "$stats" | tr ' ' '\n' | awk -F '[=(]' -v key="$1" \
        '$1 == key { printf "%.6g", $2 / 1000; exit }'
}
count=$(printf '%s\n' "$stats" | sed 's/^count=\([0-9]*\).*/\1/')
same=$(value curr)
case $stats in
*'(all same)'*) times="\"min\": $same, \"p50\": $same, \"max\": $same, \"mean\": $same" ;;
*min=*)
    times="\"min\": $(value min), \"max\": $(value max), \"mean\": $(value avg)"
    p50=$(value median)
    p95=$(value p95)
    [ -z "$p50" ] || times="$times, \"p50\": $p50"
    [ -z "$p95" ] || times="$times, \"p95\": $p95"
    ;;
*) times="\"min\": $same, \"p50\": $same, \"max\": $same, \"mean\": $same" ;;
esac

# What it calls MB is 1024 * 1024 bytes.
memory=$(awk '/[Mm]emory footprint/ && match($0, /overall=[0-9.]+/) {
    printf "%.6g", substr($0, RSTART + 8, RLENGTH - 8) * 1.048576; exit }' "$log")

outputs=
if [ -n "$case_inputs" ]; then
    rm -f "$here/outputs.bin"
    on_device "$tool --num_runs=1 --min_secs=0 --warmup_runs=0 --warmup_min_secs=0 \
        --output_filepath=$place/outputs.bin $words 2>&1" >>"$log" || true
    if take "$place/outputs.bin" "$here/outputs.bin" 2>/dev/null; then
        outputs=outputs.bin
    fi
fi

if [ -n "$adb" ]; then
    name="$(on_device 'getprop ro.product.manufacturer') $(on_device 'getprop ro.product.model')"
    system="Android $(on_device 'getprop ro.build.version.release')"
else
    name=$(tr -d '\000' 2>/dev/null </proc/device-tree/model || uname -n)
    system=$(uname -sr)
fi
isa=$(on_device 'cat /proc/cpuinfo' |
    awk -F ': *' '/^(Features|flags)/ { gsub(/ +/, "\", \"", $2); printf "\"%s\"", $2; exit }' |
    sed 's/, ""//g')
{
    printf '{\n  "schema": 1,\n  "artifact": {"sha256": "%s"},\n' "$(checksum "$here/../$case_model")"
    printf '  "device": {"name": %s, "arch": %s, "isa": [%s], "system": %s},\n' \
        "$(quoted "$name")" "$(quoted "$(on_device 'uname -m')")" "$isa" \
        "$(quoted "$system")"
    printf '  "tool": "benchmark_model",\n  "command": %s,\n' "$(quoted "$words")"
    printf '  "threads": %s,\n  "runs": %s,\n  "latency_ms": {%s}' "$threads" "$count" "$times"
    case $memory in '' | 0) ;; *) printf ',\n  "memory_peak_mb": %s' "$memory" ;; esac
    if [ -n "$before" ] && [ -n "$after" ]; then
        printf ',\n  "temperature_c": [%s, %s]' "$before" "$after"
    fi
    [ -z "$outputs" ] || printf ',\n  "outputs": "%s"' "$outputs"
    printf '\n}\n'
} >"$out"
printf 'wrote %s: %s runs on %s\n' "$out" "$count" "$name"
