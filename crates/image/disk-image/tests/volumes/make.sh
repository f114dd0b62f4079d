#!/bin/sh -e
# The beginnings of file systems as their own programs make them: NAME.gz holds the first KiB, which show what it is.
# needs: xfsprogs btrfs-progs f2fs-tools jfsutils reiserfsprogs erofs-utils squashfs-tools cramfsswap or util-linux-extra genromfs
#        xorriso dosfstools exfatprogs ntfs-3g util-linux cryptsetup-bin; usage: make.sh
cd "$(dirname "$0")"; t=$(mktemp -d); trap 'rm -rf "$t"' EXIT; mkdir "$t/tree"; echo hello > "$t/tree/file"
# NAME KIB MIB COMMAND: makes a file of so many MiB, and keeps its first KiB.
make() {
  name=$1 kib=$2 mib=$3; shift 3; rm -f "$t/image"
  [ "$mib" = 0 ] || truncate -s "${mib}M" "$t/image"
  "$@" "$t/image" > "$t/log" 2>&1 || { cat "$t/log"; exit 1; }
  head -c "${kib}K" "$t/image" | gzip -9n > "$name.gz"
}
squash() { mksquashfs "$t/tree" "$1" -noappend -quiet; }
erofs() { mkfs.erofs "$1" "$t/tree"; }
cramfs() { mkfs.cramfs "$t/tree" "$1"; }
romfs() { genromfs -d "$t/tree" -f "$1"; }
iso() { xorriso -as mkisofs -quiet -o "$1" "$t/tree"; }
hybrid() {
  truncate -s 1M "$t/efi"; mkfs.vfat -F 12 "$t/efi"
  xorriso -as mkisofs -quiet -partition_offset 16 -append_partition 2 0xef "$t/efi" -o "$1" "$t/tree"
}
luks() { echo secret | cryptsetup luksFormat --batch-mode --type "$2" --pbkdf-force-iterations "$3" --pbkdf pbkdf2 "$1" -; }
luks1() { luks "$1" luks1 1000; }
luks2() { luks "$1" luks2 1000; }
make xfs 4 300 mkfs.xfs -q
make btrfs 68 120 mkfs.btrfs -q
make f2fs 4 64 mkfs.f2fs -q
make jfs 36 32 mkfs.jfs -q
make reiserfs 68 64 mkfs.reiserfs -q -f -f
make erofs 4 0 erofs
make squashfs 1 0 squash
make cramfs 1 0 cramfs
make romfs 1 0 romfs
make iso9660 36 0 iso
make hybrid 36 0 hybrid
make fat12 1 2 mkfs.vfat -F 12
make fat16 1 32 mkfs.vfat -F 16
make fat32 1 64 mkfs.vfat -F 32
make exfat 1 8 mkfs.exfat
make ntfs 1 8 mkntfs -F -Q -q
make swap 4 1 mkswap
make luks1 4 8 luks1
make luks2 4 32 luks2
