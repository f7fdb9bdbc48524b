#!/bin/sh
# Inside the guest: the kernel's USB host controller and its driver for FTDI adapters, and the scenario. There
# is no udev until the scenario wants it.
. tests/guest/run.sh
for module in xhci_pci usbserial ftdi_sio rfkill; do modprobe "$module"; done
dmesg -n 1
ip addr add 192.0.2.1/32 dev lo # without any address but 127.0.0.1 ser2net finds no name for its port
scenario tests.links.serial.vm.scenario
dmesg | tail -12
off
