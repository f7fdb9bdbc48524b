#!/bin/sh
# Inside the guest: the modules that a desktop's udev would load, and the scenario.
. tests/guest/run.sh
hostname guest 2>/dev/null
mkdir -p /dev/pts /run/dbus
mount -t devpts devpts /dev/pts
for module in af_alg algif_hash algif_skcipher bluetooth hci_vhci; do modprobe "$module"; done
scenario tests.links.ble.vm.scenario
off
