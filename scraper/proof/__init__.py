"""Proofs about the archive: every stored byte against its hash, and the days' manifests against one another."""
