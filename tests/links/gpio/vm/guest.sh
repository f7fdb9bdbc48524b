#!/bin/sh
# Inside the guest: a USB device controller that exists in memory only, the kernel's driver for an MCP2221A, and the
# scenario.
. tests/guest/run.sh
for module in configfs dummy_hcd libcomposite usb_f_hid usbhid hid-mcp2221; do modprobe "$module"; done
mount -t configfs configfs /sys/kernel/config
scenario tests.links.gpio.vm.scenario
off
