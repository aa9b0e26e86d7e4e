#!/bin/sh
# Enrols the two invented authorities of docker-compose.yml at the hub, with an agreement between them: the commands that
# two edges' operators and the hub's registrar type on three machines, here in one container that sees all three folders.
# What was done before is not done again, wherever an earlier run was interrupted.
set -eu
base=/var/lib/liaison
directory=$base/hub/data/directory
ceremony=$base/ceremony/keys
agreement=TEST-AUT-GEO

join() { # PARTNER STATE NAME ROLES ACCOUNTS
    edge=$base/$1/edge
    national=$base/$1/national
    test -e "$edge/edge.toml" || liaison edge init "$edge" --partner "$1" --hub https://hub:8440 \
        --root "$base/hub/data/root.json" --url "https://$1:8450"
    mkdir -p "$national/out" "$national/in" "$national/done" "$national/rejected" "$national/mapping"
    grep -q '^\[channels\.folder\]' "$edge/edge.toml" || cat >> "$edge/edge.toml" << END

[channels.folder]
use = "folder"
options = {base = "$national"}
END
    liaison keys list --directory "$directory" --json | grep -q "\"$1\"" || liaison keys enrol "$edge/$1.enrolment" \
        --directory "$directory" --ceremony "$ceremony" --state "$2" --authority "$3" --roles "$4" --accounts "$5" \
        --delivery-url "https://$1:8450/v1/deliveries" --test
}

join test-aut AUT "Test authority of Austria" RET,MIG,DOC officer-1:LO,auditor-1:AUDIT
join test-geo GEO "Test authority of Georgia" MIG,DOC officer-1:LO

liaison agreement list --directory "$directory" --json | grep -q "\"$agreement\"" && exit 0
work=$(mktemp -d)
cat > "$work/agreement.json" << END
{
  "id": "$agreement",
  "version": 1,
  "parties": ["AUT", "GEO"],
  "kinds": {"visa.overstay.notice": [["MIG", "MIG"]], "visa.overstay.reply": [["MIG", "MIG"]]},
  "purposes": ["RETURN_ID"],
  "legal_bases": ["Demonstration agreement, Art. 3"],
  "status": "in_force",
  "in_force_on": "$(date -u +%F)"
}
END
liaison agreement propose "$work/agreement.json" --out "$work/draft.json"
for partner in test-aut test-geo; do
    liaison agreement sign "$work/draft.json" --admin "$base/$partner/edge/administrators/keyring"
done
liaison agreement publish "$work/draft.json" --directory "$directory" --ceremony "$ceremony"
