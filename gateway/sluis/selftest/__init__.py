"""Proofs anyone can run on their own machine: kill the gateway under load, jump its clock, count what is left."""
