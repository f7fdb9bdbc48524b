"""Links: the ways to devices. Sockets, threads and reconnecting live here and nowhere else."""
