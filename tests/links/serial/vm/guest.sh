#!/bin/sh
# Inside the guest: the kernel's USB host controller and its driver for FTDI adapters, and the scenario. There is no udev.
. tests/guest/run.sh
for module in xhci_pci usbserial ftdi_sio; do modprobe "$module"; done
dmesg -n 1
scenario tests.links.serial.vm.scenario
dmesg | tail -40
off
