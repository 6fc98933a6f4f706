"""What a PBX's GSFF is, found by comparison, and doing again what was stored before it was known (field guide 4)."""
