"""Stand-ins for the devices of a meeting room: they speak the real device's protocol, on TCP, UDP or a serial line.

python -m sluis.demo.av projector --port 4352 --password secret
python -m sluis.demo.av lg-display --serial          (prints the pseudo terminal to put in the settings)
"""
