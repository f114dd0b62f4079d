#!/bin/sh -e
# Ramdisks as their makers' programs pack them. Of each, RELEASE of lib/modules/RELEASE says what Linux unpacks.
# needs: cpio gzip bzip2 xz lzop lz4 zstd lzip; usage: make.sh
cd "$(dirname "$0")"; t=$(mktemp -d); trap 'rm -rf "$t"' EXIT
tree() { mkdir -p "$t/$1/lib/modules/$1/kernel"; echo module > "$t/$1/lib/modules/$1/kernel/a.ko"; : > "$t/$1/init"; }
pack() { (cd "$t/$1" && find . | LC_ALL=C sort | cpio -o -H "${2:-newc}" --quiet --reproducible -R 0:0); }
zeros() { head -c "$1" /dev/zero; }
for release in one two three; do tree "$release"; pack "$release" > "$t/$release.cpio"; done
mkdir -p "$t/microcode/kernel/x86/microcode"; echo microcode > "$t/microcode/kernel/x86/microcode/GenuineIntel.bin"
pack microcode > "$t/microcode.cpio"; pack one crc > "$t/crc.cpio"; pack one odc > "$t/odc.cpio"
one="$t/one.cpio" two="$t/two.cpio" three="$t/three.cpio" microcode="$t/microcode.cpio"
cp "$t/crc.cpio" crc.img; gzip -nc "$t/odc.cpio" > odc.img
gzip -nc "$one" > gzip.img; bzip2 -c "$one" > bzip2.img; xz --format=lzma -c "$one" > lzma.img; xz --check=crc32 -c "$one" > xz.img
lzop -c < "$one" > lzop.img; lz4 -qlc "$one" > lz4.img; zstd -qc "$one" > zstd.img
lz4 -qc "$one" > lz4-frame.img; xz -c "$one" > xz-crc64.img; lzip -c < "$one" > lzip.img
(cat "$microcode"; lz4 -qlc "$one") > microcode-lz4.img
(cat "$microcode"; zeros 300; zstd -qc "$one") > microcode-zstd.img
(gzip -nc "$one"; gzip -nc "$two") > gzip-gzip.img
(gzip -nc "$one"; zeros 3; xz --check=crc32 -c "$two"; lzop -c < "$three"; zeros 100) > mixed.img
(lz4 -qlc "$one"; zeros 4; bzip2 -c "$two"; xz --format=lzma -c "$three"; zeros 1) > lz4-bzip2-lzma.img
(lz4 -qlc "$one"; gzip -nc "$two") > lz4-gzip.img
(cat "$one"; zeros 2; gzip -nc "$two") > unaligned.img
(gzip -nc "$one"; printf 'signature of somebody') > trailing.img
end=$(grep -abo 'TRAILER!!!' "$one" | cut -d: -f1); head -c $((end - 110)) "$one" > no-trailer.img
gzip -nc "$one" | head -c -20 > cut.img
