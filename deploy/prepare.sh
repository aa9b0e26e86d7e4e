#!/bin/sh
# Makes the files that docker-compose.yml names as secrets: random passwords, and certificates of a test authority made
# on the spot. Needs openssl. What is there already stays, so that it may be run again, or after files of one's own were
# put there.
#
#   sh deploy/prepare.sh [FOLDER]        default: deploy/secrets beside this script
#
# The folder is for its owner alone (0700). The files in it are readable (0644), for compose mounts a file with the owner
# and mode it has here, and the programs that read it run as users of their own.
set -eu
folder=${1:-"$(dirname "$0")/secrets"}
days=825

mkdir -p "$folder"
chmod 0700 "$folder"
cd "$folder"
umask 022

password() {
    test -e "$1" || openssl rand -hex 32 > "$1"
}

certificate() { # NAME, then the names it is reached by
    name=$1
    shift
    test -e "$name.pem" && return
    names=$(printf ',DNS:%s' "$@")
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -days "$days" -subj "/CN=$name" \
        -CA authorities.pem -CAkey authorities.key \
        -addext "subjectAltName=${names#,},IP:127.0.0.1" -addext basicConstraints=critical,CA:FALSE \
        -addext extendedKeyUsage=serverAuth -keyout "$name.key" -out "$name.pem.part" 2> /dev/null
    chmod 0644 "$name.key"
    mv "$name.pem.part" "$name.pem"
}

password database_owner_password
password database_password
password grafana_password
if ! test -e authorities.pem; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -days "$days" \
        -subj "/CN=Liaison test authority" -addext basicConstraints=critical,CA:TRUE,pathlen:0 \
        -addext keyUsage=critical,keyCertSign,cRLSign -keyout authorities.key -out authorities.pem.part 2> /dev/null
    mv authorities.pem.part authorities.pem
fi
certificate hub hub hub-1 hub-2 relay deliver clock localhost
certificate test-aut test-aut localhost
certificate test-geo test-geo localhost
