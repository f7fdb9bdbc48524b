#!/bin/sh
# Make what the guest boots from, once: Debian's own kernel (downloaded, not installed) and a small initial RAM disk.
#
#   build.sh FOLDER
#
# Needs: apt-get, dpkg-deb, cpio, kmod (modprobe), busybox-static. Leaves FOLDER/vmlinuz, FOLDER/initrd, FOLDER/root.
set -eu
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
cd "$folder"
exec 9>lock
flock 9 # two test runs at once

if [ ! -d root ]; then
    kernel=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\).*/\1/p' | head -1)
    ls linux-image-*.deb >/dev/null 2>&1 || apt-get download -qq "$kernel"
    dpkg-deb -x linux-image-*.deb unpacked
    mv unpacked root
fi
version=$(ls root/lib/modules)
depmod -b root "$version"
cp "root/boot/vmlinuz-$version" vmlinuz

rm -rf ram
mkdir -p ram/bin ram/modules ram/proc ram/sys ram/dev ram/host ram/rw ram/new
cp "$(command -v busybox)" ram/bin/busybox
cp "$here/init" ram/init
chmod +x ram/init
# In the order in which they must be loaded, each before those that need it.
for module in virtio_pci 9pnet_virtio 9p overlay; do
    modprobe -d root -S "$version" --show-depends "$module"
done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r file; do
    cp "$file" ram/modules/
    basename "$file" >> ram/modules/order
done
(cd ram && find . | cpio --quiet -o -H newc) | gzip -1 > initrd.part
mv initrd.part initrd
