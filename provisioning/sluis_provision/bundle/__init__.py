"""What goes on a node: boot files and the compiled application, each with its hash."""

from sluis_provision.bundle.build import File, build

__all__ = ["File", "build"]
