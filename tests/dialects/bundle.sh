#!/bin/sh
# Makes a bundle as one of the old tools did, with GNU tar, gzip and openssl alone:
#
#     bundle.sh DIALECT IMAGE DIRECTORY PART_SIZE
#
# IMAGE is in the current directory. PART_SIZE is bytes, or `half`: the ciphertext is two whole parts then, behind which the
# euca2ools lines put an empty one. The keys are $USER_CERT, $USER_KEY and $CLOUD_CERT. The dialects and what is special
# about them are those of docs/dialects.md.
set -eu
export LC_ALL=C
dialect=$1 image=$2 folder=$3 part_size=$4
mkdir -p "$folder"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

hex() { od -An -v -tx1 | tr -d ' \n'; }
sha1() { sha1sum | cut -c1-40; }
wrap() { printf %s "$2" | openssl pkeyutl -encrypt -certin -inkey "$1" | hex; }
element() { printf '<%s>%s</%s>' "$1" "$2" "${1%% *}"; }

plain="--format=gnu --mode=0644 --owner=0 --group=0 --numeric-owner --mtime=@0"
tar=$plain number=%02d quote='"' empty_last=yes level=-6 no_digest= order=new
declaration="<?xml version='1.0' encoding='ASCII'?>
"
case $dialect in
1.0 | 1.3) tar=--sparse number=%d no_digest=yes bundler="euca-tools $dialect 31337" ;;
1.3.2) tar=--sparse bundler="euca-tools 1.3.2 1.3.2" ;;
2.x) tar="--sparse --dereference" bundler="euca-tools 1.3.2 31337" ;;
3.0) number=%d order=3.0 bundler="euca2ools 3.0.2 " ;;
3.1.0 | 3.1.2) order=3.1 bundler="euca2ools $dialect 0" ;;
3.1.3 | 3.4.1) bundler="euca2ools $dialect 0" ;;
ec2-ami-tools)
    tar="--sparse --dereference --owner=0 --group=0" number= quote="'" empty_last= level=-9 order=ec2
    declaration="<?xml version='1.0' encoding='UTF-8'?>" bundler="ec2-ami-tools 1.5 3"
    ;;
*) echo "no dialect $dialect" >&2 && exit 2 ;;
esac
case $dialect in 1.* | 2.x) declaration='<?xml version="1.0" ?>' ;; esac

# The stages. The format's dialects differ in the tar member and in gzip's level, of which nobody takes notice.
# shellcheck disable=SC2086
tar $tar -cf "$scratch/tar" "$image"
digest=$(sha1 <"$scratch/tar")
[ -z "$no_digest" ] || digest=$(sha1 </dev/null)
key=$(openssl rand 16 | hex) iv=$(openssl rand 16 | hex)
gzip -n $level <"$scratch/tar" | openssl enc -aes-128-cbc -K "$key" -iv "$iv" >"$scratch/cipher"
size=$(stat -Lc %s "$image")
bundled_size=$(stat -c %s "$scratch/cipher")

[ "$part_size" != half ] || part_size=$((bundled_size / 2))
count=$(((bundled_size + part_size - 1) / part_size))
if [ -n "$empty_last" ] && [ $((bundled_size % part_size)) -eq 0 ]; then count=$((count + 1)); fi
[ -n "$number" ] || number=%0${#count}d

q=$quote parts= index=0
while [ $index -lt $count ]; do
    # shellcheck disable=SC2059
    name=$image.part.$(printf "$number" $index)
    tail -c +$((index * part_size + 1)) "$scratch/cipher" | head -c "$part_size" >"$folder/$name"
    part=$(element filename "$name")$(element "digest algorithm=${q}SHA1$q" "$(sha1 <"$folder/$name")")
    parts=$parts$(element "part index=$q$index$q" "$part")
    index=$((index + 1))
done

# The manifest, in the dialect's order of elements.
mapping() {
    if [ $order = 3.1 ]; then
        element mapping "$(element device "$2")$(element virtual "$1")"
    else
        element mapping "$(element virtual "$1")$(element device "$2")"
    fi
}
architecture=$(element architecture x86_64)
devices= codes= ids=$(element kernel_id eki-90461381)$(element ramdisk_id eri-E85914C7)
case $dialect in
1.*) ;;
*) devices=$(element block_device_mapping "$(mapping ami sda1)$(mapping root /dev/sda1)") codes=$(element product_codes "$(element product_code 7C2A)") ;;
esac
ancestry=$(element ancestry "$(element ancestor_ami_id ami-5bae4b32)")
kernel_name=$(element kernel_name vmlinuz-2.6.24-19-xen)
before= after=
case $order in
new) machine=$architecture$devices$codes$ids ;;
3.0) machine=$architecture$ids$devices$codes before=$kernel_name after=$ancestry ;;
3.1) machine=$architecture$ids$devices$codes ;;
ec2) machine=$architecture$devices$ids$codes before=$kernel_name$ancestry ;;
esac
machine=$(element machine_configuration "$machine")
aes="algorithm=${q}AES-128-CBC$q"
image_element=$(element image "$(element name "$image")$(element user 000000000001)$(element type machine)$before$(
    element "digest algorithm=${q}SHA1$q" "$digest")$(element size "$size")$(element bundled_size "$bundled_size")$(
    element "ec2_encrypted_key $aes" "$(wrap "$CLOUD_CERT" "$key")")$(
    element "user_encrypted_key $aes" "$(wrap "$USER_CERT" "$key")")$(
    element ec2_encrypted_iv "$(wrap "$CLOUD_CERT" "$iv")")$(
    element user_encrypted_iv "$(wrap "$USER_CERT" "$iv")")$(
    element "parts count=$q$count$q" "$parts")$after")
signature=$(printf %s "$machine$image_element" | openssl dgst -sha1 -sign "$USER_KEY" | hex)
release=${bundler##* } rest=${bundler% *}
[ -n "$release" ] && release=$(element release "$release") || release='<release/>'
printf %s "$declaration$(element manifest "$(element version 2007-10-10)$(
    element bundler "$(element name "${rest% *}")$(element version "${rest#* }")$release")$machine$image_element$(
    element signature "$signature")")" >"$folder/$image.manifest.xml"
