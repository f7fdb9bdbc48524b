#!/bin/sh
# Inside the guest: vivid, the kernel's own test driver, with an HDMI input and an HDMI output on one CEC wire; a TV at
# the input (cec-follower, by the kernel's CEC people), and the scenario at the output.
. tests/guest/run.sh
modprobe vivid n_devs=1 num_inputs=1 input_types=3 num_outputs=1 output_types=1 no_error_inj=1
for tries in 1 2 3 4 5 6 7 8 9 10; do [ -e /dev/cec1 ] && break; sleep 0.2; done
ls -l /dev/cec0 /dev/cec1
cec-ctl -d /dev/cec0 --tv --osd-name Beamer --vendor-id 0x080046 --cec-version-1.4
cec-follower -d /dev/cec0 >/tmp/follower.log 2>&1 &
scenario tests.links.cec.vm.scenario
tail -30 /tmp/follower.log
off
