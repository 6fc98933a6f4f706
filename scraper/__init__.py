"""Archives the call recordings of Grandstream UCM PBXs through their web UI, and proves that nothing was missed."""

__version__ = "0.1.0"
