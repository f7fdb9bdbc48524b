#!/bin/sh
# Inside the guest: the modules that a desktop's udev would load, the scenario, and off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
argument() { sed -n "s/.*$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
ip link set lo up 2>/dev/null
hostname guest 2>/dev/null
mkdir -p /dev/pts /run/dbus
mount -t devpts devpts /dev/pts
for module in af_alg algif_hash algif_skcipher bluetooth hci_vhci; do modprobe "$module"; done
cd "$(argument lab.project)" || exit 1
"$(argument lab.python)" -m tests.links.ble.vm.scenario
echo "RESULT {\"step\": \"end\", \"code\": $?}"
echo o > /proc/sysrq-trigger
while :; do :; done
