"""The release machine: keys that sign, and the repository that gateways read. None of it runs on a gateway."""
