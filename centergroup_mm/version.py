"""The version of the package."""

from centergroup_lite.version import __version__

__all__ = ['__version__']
