"""Turns what a UCM calls a recording into 16-bit PCM WAV, deciding by evidence what the bytes are."""
