#!/bin/sh
# Each memory order of the lock-free sources is weakened in turn, and the checker in tests/interleave must find that
# out, as TAP: mutate_orders.sh ROOT BUILD INCLUDE BASE CC...; INCLUDE is where libavutil's headers are, BASE is libbase.a.
set -u
root=$(realpath "$1") build=$(realpath "$2") include=$3 base=$(realpath "$4")
shift 4
number=0 killed=0 weakened=0 excused=0 failed=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
cd "$dir" || exit 1
mkdir plain now # objects: of the sources as they are, and those that are linked

# equivalent LINE: why it makes no difference to weaken the order there; fails where it does.
equivalent() {
    case $1 in
    *'load_explicit(&shared->taken, '*)
        echo "it is read when the process that writes it is dead, and the kernel has ordered that before" ;;
    *'store_explicit(&reader->shared->taken, '*)
        echo "it is read only when this process is dead, and the kernel orders that behind" ;;
    *'store_explicit(&writer->shared->ring.tail, writer->ring.head, '*)
        echo "it gives back what a dead consumer had, whose reads have ended with it" ;;
    *'store_explicit(&shared->ring.tail, place->taken - 1, '*)
        echo "it gives back what a dead consumer had, and the new one has read none of it" ;;
    *) return 1 ;;
    esac
}

# compile SOURCE OBJECT CC...: with the simulated atomics, for their headers are found first.
compile() {
    source=$1 object=$2
    shift 2
    "$@" -std=c11 -D_GNU_SOURCE -O1 -I"$root/tests/interleave" -I"$root/include" -I"$build" -I"$root" -I"$root/src" \
        -I"$include" -c "$source" -o "$object"
}

link() {
    "$@" now/*.o "$base" -lpthread -o every
}

result() { # PASSED NAME
    number=$((number + 1))
    if [ "$1" = 1 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        tail -n 40 log | sed 's/^/# /'
        failed=1
    fi
}

# orders FILE: line, place in the line, order, and weaker order of each mutant.
orders() {
    awk '{
        rest = $0; at = 0
        while (match(rest, /memory_order_(acq_rel|acquire|release)/)) {
            order = substr(rest, RSTART + 13, RLENGTH - 13)
            print NR, at + RSTART + 13, order, "relaxed"
            if (order == "acq_rel") {
                print NR, at + RSTART + 13, order, "acquire"
                print NR, at + RSTART + 13, order, "release"
            }
            at += RSTART + RLENGTH - 1
            rest = substr(rest, RSTART + RLENGTH)
        }
    }' "$1"
}

# mutate FILE LINE PLACE ORDER WEAKER
mutate() {
    awk -v line="$2" -v place="$3" -v order="$4" -v weaker="$5" '
        NR == line { $0 = substr($0, 1, place - 1) weaker substr($0, place + length(order)) }
        { print }' "$1"
}

# weaken SCENARIOS FILE CC...: all mutants of that source.
weaken() {
    scenarios=$1 file=$2
    shift 2
    name=${file##*/}
    name=${name%.c}
    orders "$root/$file" >mutants
    [ -s mutants ]
    result $((!$?)) "there are orders in $file"
    while read -r line place order weaker; do
        what="$file:$line: $order weakened to $weaker"
        if why=$(equivalent "$(sed -n "${line}p" "$root/$file")"); then
            excused=$((excused + 1))
            echo "# $what makes no difference: $why"
            continue
        fi
        weakened=$((weakened + 1))
        mutate "$root/$file" "$line" "$place" "$order" "$weaker" >"$name.c"
        # A mutant that cannot be built is no answer, nor is a crash, nor one that goes beyond the bounds.
        status=0
        compile "$name.c" "now/$name.o" "$@" >log 2>&1 && link "$@" >>log 2>&1 &&
            ! cmp -s "now/$name.o" "plain/$name.o" && { ./every "$scenarios" >log 2>&1 || status=$?; }
        [ $status = 1 ] && killed=$((killed + 1))
        result $((status == 1)) "$what is found out"
        sed -n 's/^found by /# by /p' log
    done <mutants
    cp plain/"$name.o" now
}

for file in tests/interleave/every.c tests/interleave/explore.c tests/interleave/handles.c tests/interleave/locks.c \
    tests/interleave/mailboxes.c tests/interleave/memory.c tests/interleave/queues.c tests/interleave/rings.c \
    tests/interleave/trace.c src/base/handle.c src/frame/mailbox.c src/frame/queue.c src/frame/ring.c \
    src/session/outbox.c; do
    object=${file##*/}
    compile "$root/$file" "plain/${object%.c}.o" "$@" >log 2>&1 || break
done
cp plain/*.o now
link "$@" >>log 2>&1 && ./every ring >>log 2>&1 && ./every mailbox >>log 2>&1 && ./every queue >>log 2>&1 &&
    ./every handle >>log 2>&1
result $((!$?)) "nothing is found as long as nothing is weakened"
weaken ring src/frame/ring.c "$@"
weaken mailbox src/frame/mailbox.c "$@"
weaken queue src/frame/queue.c "$@"
weaken handle src/base/handle.c "$@"
echo "1..$number"
echo "# $killed of $weakened weakened orders are found out; $excused more make no difference"
exit $failed
