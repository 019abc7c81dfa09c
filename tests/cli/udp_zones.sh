# Groups whose zone is given with the address or by --interface, in a network namespace with two
# interfaces. Fails unless each message arrives where it was sent to.
#   sh udp_zones.sh SPATE
set -eu
spate=$1
ip link set lo up
ip link add first type veth peer name other
ip link add second type veth peer name another
for name in first other second another; do
    # An address counts at once: nobody else is here (no detection of duplicates).
    echo 0 >/proc/sys/net/ipv6/conf/$name/accept_dad
    ip link set "$name" up
done

# check LISTEN-ADDRESS LISTEN-OPTIONS -- SEND-ADDRESS SEND-OPTIONS
check() {
    to_listen=$1 options=$2 to_send=$3 send_options=$4
    out=$(mktemp)
    # shellcheck disable=SC2086
    "$spate" udp listen "$to_listen" $options --count 1 >"$out" 2>"$out.errors" &
    until grep -q listening "$out.errors"; do kill -0 $!; done
    # shellcheck disable=SC2086
    until grep -q ": hello" "$out"; do
        "$spate" udp send "$to_send" $send_options hello
        kill -0 $! 2>/dev/null || break
    done
    wait $!
    grep -q ": hello" "$out"
    rm "$out" "$out.errors"
}
check '[ff02::123%another]:7890' '' '[ff02::123%second]:7890' ''
check '[ff02::123]:7890' '-I another' '[ff02::123]:7890' '-I second'
check '[ff05::123]:7890' '-I other' '[ff05::123]:7890' '-I first'
