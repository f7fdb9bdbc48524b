#!/bin/sh
# Inside the guest: a USB device controller that exists in memory only, the kernel's driver for an MCP2221A, the scenario,
# and off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
argument() { sed -n "s/.*$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
for module in configfs dummy_hcd libcomposite usb_f_hid usbhid hid-mcp2221; do modprobe "$module"; done
mount -t configfs configfs /sys/kernel/config
cd "$(argument lab.project)" || exit 1
"$(argument lab.python)" -m tests.links.gpio.vm.scenario
echo "RESULT {\"step\": \"end\", \"code\": $?}"
echo o > /proc/sysrq-trigger
sleep 60
