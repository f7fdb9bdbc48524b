"""Hosts on the network."""
