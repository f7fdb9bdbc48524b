#!/bin/sh
# Inside the guest: the kernel's door for HID devices in user space, its driver for a CP2112, and the scenario.
. tests/guest/run.sh
for module in uhid hid-cp2112; do modprobe "$module"; done
scenario tests.links.gpio.vm.scenario
off
