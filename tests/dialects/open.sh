#!/bin/sh
# Checks and opens a bundle of one machine image with openssl, gzip and GNU tar alone:
#
#     open.sh MANIFEST PRIVATE_KEY PAIR OUTPUT
#
# PAIR is `user` or `ec2`: whose wrapped values PRIVATE_KEY opens. Nothing but text search is used to read the manifest, as
# the clouds of the time did. Signature ($USER_CERT), part digests, image digest and sizes must be right.
set -eu
export LC_ALL=C
manifest=$1 private_key=$2 pair=$3 output=$4
folder=$(dirname "$manifest")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

element() { sed -n "s/.*<$1\( [^>]*\)\{0,1\}>\([^<]*\)<\/$1>.*/\2/p" "$2"; }
sha1() { sha1sum | cut -c1-40; }
same() { [ "$2" = "$3" ] || { echo "$1: $2 is not $3" >&2 && exit 1; }; }
unwrap() { element "${pair}_encrypted_$1" "$manifest" | unhex | openssl pkeyutl -decrypt -inkey "$private_key"; }
unhex() { tr -d '\n' | sed 's/../\\x&/g' >"$scratch/hex" && env printf "$(cat "$scratch/hex")"; }

# What is signed is the literal text of two elements.
{
    sed -n 's/.*\(<machine_configuration>.*<\/machine_configuration>\).*/\1/p' "$manifest" | tr -d '\n'
    sed -n 's/.*\(<image>.*<\/image>\).*/\1/p' "$manifest" | tr -d '\n'
} >"$scratch/signed"
element signature "$manifest" | unhex >"$scratch/signature"
openssl x509 -in "$USER_CERT" -noout -pubkey >"$scratch/public.pem"
openssl dgst -sha1 -verify "$scratch/public.pem" -signature "$scratch/signature" "$scratch/signed" >&2

# One line for each part.
sed 's/<part /\n&/g' "$manifest" | sed -n '/^<part /p' | sed 's/<\/part>.*//' >"$scratch/parts"
while read -r part || [ -n "$part" ]; do
    printf %s "$part" >"$scratch/part"
    name=$(element filename "$scratch/part")
    same "$name" "$(sha1 <"$folder/$name")" "$(element digest "$scratch/part")"
    cat "$folder/$name"
done <"$scratch/parts" >"$scratch/cipher"
sed 's/<parts .*//' "$manifest" >"$scratch/head"
same bundled_size "$(stat -c %s "$scratch/cipher")" "$(element bundled_size "$scratch/head")"

key=$(unwrap key) iv=$(unwrap iv)
openssl enc -d -aes-128-cbc -K "$key" -iv "$iv" <"$scratch/cipher" | gzip -d >"$scratch/tar"
same digest "$(sha1 <"$scratch/tar")" "$(element digest "$scratch/head")"
same members "$(tar -tf "$scratch/tar" | wc -l)" 1
mkdir "$scratch/out"
tar -xf "$scratch/tar" -C "$scratch/out"
mv "$scratch/out"/* "$output"
same size "$(stat -c %s "$output")" "$(element size "$scratch/head")"
