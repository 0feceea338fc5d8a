#!/bin/sh
# Prometheus' own check of culvertd's metrics, as TAP: promtool.sh METRICS_TEXT.
set -u
echo "1..2"
takes="promtool check metrics accepts what culvertd counts"
refuses="it refuses the same text with a counter that is not named like one"
if ! command -v promtool >/dev/null; then
    echo "ok 1 - $takes # SKIP promtool is not installed"
    echo "ok 2 - $refuses # SKIP promtool is not installed"
    exit
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$1" >"$dir/text" && promtool check metrics <"$dir/text" >"$dir/said" 2>&1 && [ ! -s "$dir/said" ] || printf 'not '
echo "ok 1 - $takes"
sed 's/^/# /' "$dir/said"
sed '/TYPE culvert_workers / s/gauge/counter/' "$dir/text" | promtool check metrics >/dev/null 2>&1 && printf 'not '
echo "ok 2 - $refuses"
