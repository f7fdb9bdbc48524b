"""Talking over a stream that one or many stations share: turns, framing, questions and their answers, counters.

A serial port is one exchange, each TCP connection another. Transport, reconnecting and addresses belong to the link.
"""

from sluis.links.exchange.exchange import Exchange
from sluis.links.exchange.pace import Pace

__all__ = ["Exchange", "Pace"]
