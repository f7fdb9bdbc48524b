#!/bin/sh
# Inside the guest: vivid, the kernel's own test driver, with an HDMI input and an HDMI output on one CEC wire; a TV at the
# input (cec-follower, by the kernel's CEC people), the scenario at the output, and off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
argument() { sed -n "s/.*$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
ip link set lo up 2>/dev/null
modprobe vivid n_devs=1 num_inputs=1 input_types=3 num_outputs=1 output_types=1 no_error_inj=1
for tries in 1 2 3 4 5 6 7 8 9 10; do [ -e /dev/cec1 ] && break; sleep 0.2; done
ls -l /dev/cec0 /dev/cec1
cec-ctl -d /dev/cec0 --tv --osd-name Beamer --vendor-id 0x080046 --cec-version-1.4
cec-follower -d /dev/cec0 >/tmp/follower.log 2>&1 &
cd "$(argument lab.project)" || exit 1
"$(argument lab.python)" -m tests.links.cec.vm.scenario
echo "RESULT {\"step\": \"end\", \"code\": $?}"
tail -30 /tmp/follower.log
echo o > /proc/sysrq-trigger
while :; do :; done
