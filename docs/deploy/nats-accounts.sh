#!/bin/sh
# Prints the account of Catena: one user per tier, each allowed what its tier does and nothing else.
#
#   ./nats-accounts.sh PARTITIONS SHARDS [OUTPUT...] > nats-accounts.conf
#
# PARTITIONS is `posts.partitions`, SHARDS the number of inbox shards, OUTPUT each further stream a chain declares.
# A script, because permissions match whole tokens: `catena-posts-*` matches nothing, so each partition is named.
# Run it again when one of the three changes, and reload every node: `nats-server --signal reload`.
#
# Passwords come from the environment of nats-server, CATENA_<TIER>_PASSWORD: bcrypt hashes (`nats server passwd`), or clear
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

# Which streams there are, and what is in one.
look() { allow "\$JS.API.STREAM.INFO.$1"; }
# All that reading takes: single messages, consumers of one's own, and confirming what they deliver.
consume() {
    look "$1"
    # Watching a bucket creates a consumer without a name.
    allow "\$JS.API.STREAM.MSG.GET.$1" "\$JS.API.DIRECT.GET.$1" "\$JS.API.DIRECT.GET.$1.>" \
        "\$JS.API.CONSUMER.CREATE.$1" "\$JS.API.CONSUMER.CREATE.$1.>" "\$JS.API.CONSUMER.INFO.$1.*" "\$JS.API.CONSUMER.DELETE.$1.*" \
        "\$JS.API.CONSUMER.MSG.NEXT.$1.*" "\$JS.ACK.$1.>" "\$JS.FC.$1.>"
}
purge() { allow "\$JS.API.STREAM.PURGE.$1"; }
# publish STREAM COUNT
publish() {
    allow "catena.s.$1.*"
    each "$1" "$2" look
}
read_bucket() { consume "KV_catena-$1"; }
write_bucket() {
    read_bucket "$1"
    allow "\$KV.catena-$1.>"
}

# user TIER: begins a user, whose subjects to publish to follow.
user() {
    variable=$(printf '%s' "$1" | tr a-z A-Z)
    printf '      {\n        user: %s, password: $CATENA_%s_PASSWORD\n        permissions: {\n' "$1" "$variable"
    printf '        publish: { allow: [\n'
    # Every client asks what its account may hold.
    allow '$JS.API.INFO'
}
# end TIER [SUBJECT...]: ends it, with what it may subscribe to: answers to its own questions, and these. Its own inbox, or
# every tier could read the answers meant for another.
end() {
    printf '        ] }\n        subscribe: { allow: [\n'
    allow "_INBOX_$1.>"
    shift
    for subject in "$@"; do
        allow "$subject"
        # Who is asked may answer, once per question.
        answers='        allow_responses: true
'
    done
    printf '        ] }\n%s        }\n      }\n' "${answers-}"
    unset answers
}

echo 'accounts {'
echo '  catena {'
echo '    jetstream: enabled'
echo '    users: ['

user forwarder
publish posts "$partitions"
read_bucket map
read_bucket members
end forwarder

user distributor
each posts "$partitions" consume
publish inbox "$shards"
publish dead-letters "$partitions"
publish changelog-posts "$partitions"
# Its own state, read back when it takes over a partition, and cut when it was saved whole.
each changelog-posts "$partitions" consume
each changelog-posts "$partitions" purge
for output in $outputs; do publish "$output" "$partitions"; done
write_bucket leases
write_bucket members
read_bucket map
end distributor

user inbox
each inbox "$shards" consume
write_bucket leases
write_bucket members
read_bucket map
end inbox 'catena.r.*'

user gateway
allow 'catena.r.*'
read_bucket map
read_bucket members
end gateway

# Creates streams and moves shards; its password opens everything in this account.
user manager
allow '$JS.API.>' '$JS.ACK.>' '$JS.FC.>' '$KV.catena-map.>' '$KV.catena-members.>' '$KV.catena-leases.>' \
    'catena.s.>' 'catena.r.*'
end manager

echo '    ]'
echo '  }'
# For `nats server report`, and to step nodes down before an upgrade.
echo '  SYS { users: [ { user: admin, password: $CATENA_ADMIN_PASSWORD } ] }'
echo '}'
echo 'system_account: SYS'
