#!/bin/sh
# Prints the account of Catena: one user per tier, each allowed what its tier does and nothing else.
#
#   ./nats-accounts.sh PARTITIONS SHARDS [OUTPUT...] > nats-accounts.conf
#
# PARTITIONS is `posts.partitions`, SHARDS the number of inbox shards (`inbox.shards_max` where more are to come), OUTPUT
# each further stream that a chain declares.
# A script, because permissions match whole tokens: `catena-posts-*` matches nothing, so each partition is named.
# Run it again when one of the three changes, and reload every node: `nats-server --signal reload`.
#
# Passwords come from the environment of nats-server, NATS_<TIER>_PASSWORD: bcrypt hashes (`nats server passwd`), or clear
# text that begins with a letter.
set -eu
if [ $# -lt 2 ]; then
    echo "usage: $0 PARTITIONS SHARDS [OUTPUT...] > nats-accounts.conf" >&2
    exit 64
fi
partitions=$1
shards=$2
shift 2
outputs=$*

# Runs a command for the name of each partition: each STREAM COUNT COMMAND
each() {
    n=0
    while [ "$n" -lt "$2" ]; do
        "$3" "catena-$1-$n"
        n=$((n + 1))
    done
}

allow() { printf '          "%s"\n' "$@"; }

# All that reading takes: single messages, consumers of one's own, and confirming what they deliver.
consume() {
    # Watching a bucket creates a consumer without a name.
    allow "\$JS.API.STREAM.MSG.GET.$1" "\$JS.API.CONSUMER.CREATE.$1" "\$JS.API.CONSUMER.CREATE.$1.>" \
        "\$JS.API.CONSUMER.LIST.$1" "\$JS.API.CONSUMER.INFO.$1.*" "\$JS.API.CONSUMER.DELETE.$1.*" \
        "\$JS.API.CONSUMER.MSG.NEXT.$1.*" "\$JS.ACK.$1.>" "\$JS.FC.$1.>"
}
# What all groups have settled goes, but for the newest.
purge() { allow "\$JS.API.STREAM.PURGE.$1"; }
make() { allow "\$JS.API.STREAM.CREATE.$1" "\$JS.API.STREAM.UPDATE.$1"; }
publish() { allow "catena.s.$1.*"; }
# Written, read back, cut: own STREAM COUNT
own() {
    publish "$1"
    each "$1" "$2" consume
    each "$1" "$2" purge
}
read_bucket() { consume "KV_catena-$1"; }
write_bucket() {
    read_bucket "$1"
    allow "\$KV.catena-$1.>"
}

# user TIER: begins a user, whose subjects to publish to follow.
user() {
    variable=$(printf '%s' "$1" | tr a-z A-Z)
    printf '      {\n        user: %s, password: $NATS_%s_PASSWORD\n        permissions: {\n' "$1" "$variable"
    printf '        publish: { allow: [\n'
    # Every process asks what its account may hold, and which streams there are and how full; not what is in them.
    allow '$JS.API.INFO' '$JS.API.STREAM.LIST' '$JS.API.STREAM.INFO.*'
    read_bucket map
}
# end TIER [SUBJECT...]: ends it, with what it may subscribe to: answers to its own questions, and these. Its own inbox, or
# every tier could read the answers meant for another.
end() {
    printf '        ] }\n        subscribe: { allow: [\n'
    allow "_INBOX_$1.>"
    shift
    for subject in "$@"; do allow "$subject"; done
    printf '        ] }\n'
    # Who is asked may answer, once per question.
    case "$*" in catena.r.*) echo '        allow_responses: true' ;; esac
    printf '        }\n      }\n'
}

echo 'accounts {'
echo '  catena {'
echo '    jetstream: enabled'
echo '    users: ['

user forwarder
publish posts
end forwarder

user distributor
# It puts a dead letter that is replayed back where it came from.
own posts "$partitions"
publish inbox
own dead-letters 1
# Its own state, read back when it takes over a partition, and cut when it was saved whole.
own changelog-posts "$partitions"
# A chain that declares an output makes its stream; another chain may read it.
for output in $outputs; do
    for stream in "$output" "changelog-$output"; do
        own "$stream" "$partitions"
        each "$stream" "$partitions" make
    done
done
write_bucket leases
write_bucket members
end distributor

user inbox
each inbox "$shards" consume
each inbox "$shards" purge
write_bucket leases
write_bucket members
end inbox 'catena.r.inbox.*'

user gateway
allow 'catena.r.inbox.*'
end gateway

# Creates streams, changes the map, and is whom the `nats` command signs in as; its password opens everything in this account.
user manager
allow '$JS.API.>' '$JS.ACK.>' '$JS.FC.>' '$KV.catena-map.>' '$KV.catena-members.>' '$KV.catena-leases.>' \
    'catena.s.>' 'catena.r.>'
end manager 'catena.s.>'

echo '    ]'
echo '  }'
# For `nats server report`, and to step nodes down before an upgrade.
echo '  SYS { users: [ { user: admin, password: $NATS_ADMIN_PASSWORD } ] }'
echo '}'
echo 'system_account: SYS'
