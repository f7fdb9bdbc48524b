"""Improv: how a device without a network is told of one, over its serial port or over Bluetooth LE.

Theory of operation. One set of commands and results, `RPC`, travels in two envelopes. A device that has no network, or
cannot join the one it knows, offers Improv; whoever is beside it asks what it is, which networks it sees, and tells it
one. It tries to join and says whether it did. Nothing is encrypted: on Bluetooth whoever is near can hear the password.

    RPC       CC LL DD...                  C command, L bytes of data
    result    CC LL (NN SS...)...          C what is answered, then strings: N bytes, UTF-8

    serial    49 4D 50 52 4F 56 VV TT LL DD... KK
              "IMPROV", V version 1, T type (1 state, 2 error, 3 RPC, 4 result), L bytes of data, K checksum
    BLE       RPC or result, then K; written in pieces of 20 bytes where more do not fit. State, error and capabilities
              are single bytes in characteristics of their own.

    K the low byte of the sum of all bytes before it

On a serial port a device says other things too (its log, a prompt), before, between and after packets (`line.Reader`).
Sources: improv-wifi.com, "Improv via Serial" and "Improv via BLE", both of revision 2.4; `Ask.NETWORK` is of 2026.
"""
