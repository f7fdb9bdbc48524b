"""The KNX link, against knxd."""
