"""Commands on one file: ``convert`` to WAV, FLAC or Opus, and ``inspect`` what it is, with the evidence."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from scraper.cli.context import Invocation, as_json, chosen, invocation, open_catalog
from scraper.cli.output import emit, emit_bytes, emit_json
from scraper.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from converters import Decoded, FileSource, KnownLayout
    from converters.compress import Compression
    from converters.inspect import Inspection

_STDOUT = Path("-")
_FULL_SCALE = 32768
_COMPRESSED: dict[str, Compression] = {".flac": "flac", ".opus": "opus", ".ogg": "opus"}


@click.command(short_help="Convert one recording to WAV, FLAC or Opus.", epilog="Example: ucm-scraper convert recording.gsff recording.wav")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="[OUT]", required=False, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite OUT.")
@invocation
def convert(_call: Invocation, source: Path, target: Path | None, force: bool) -> None:
    """Convert one recording to 16-bit PCM WAV, its samples exactly as recorded.

    What IN is, is decided by its bytes, not by its name. OUT is IN with the extension .wav unless given; - is stdout.
    An OUT that ends in .flac is FLAC (as exact), in .opus or .ogg Opus (smaller, not exact).
    Exit code 3 where IN can't be decoded with reason, or OUT's format can't hold it, 2 where it can't be read.
    """
    target = target or source.with_suffix(".wav")
    if target != _STDOUT:
        _check_target(source, target, force)
    from converters import Undecodable, decode

    with _opened(source) as opened:
        try:
            decoded = decode(opened)
            peak = _to_stdout(decoded) if target == _STDOUT else _to_file(decoded, target, force)
        except Undecodable as error:
            click.echo(f"ucm-scraper: {source} can't be converted: {error.detail}.\n→ See `ucm-scraper inspect`.", err=True)
            raise click.exceptions.Exit(int(ExitCode.GAPS)) from None
    loudness = f"peak {20 * math.log10(peak / _FULL_SCALE):.1f} dBFS" if peak else "silent"
    click.echo(f"{decoded.layout} ({decoded.confidence}), {decoded.seconds:.2f} s, {loudness}", err=True)


@click.command(short_help="Show what a file is, with the evidence.", epilog="Example: ucm-scraper inspect recording.wav")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--ucm", "name", metavar="NAME", help="Judge it as a job on this UCM would, by what calibration has found there.")
@as_json
@invocation
def inspect(call: Invocation, file: Path, name: str | None, as_json: bool) -> None:
    """Show what a file is: its first bytes, the readings of them that were considered, and what spoke for each.

    Exit code 0 also where it is nothing known. Needs no configuration, unless --ucm is given.
    """
    from converters import Options
    from converters.inspect import inspect as look

    options = Options(known_layouts=_known_layouts(call, name)) if name else None
    with _opened(file) as opened:
        found = look(opened, options)
    if as_json:
        emit_json(_inspection(found))
    else:
        emit("\n".join(_lines(file, found)))


def _known_layouts(call: Invocation, name: str) -> tuple[KnownLayout, ...]:
    settings = call.settings(secrets=False)
    chosen(settings, [name])
    with open_catalog(settings) as catalog:
        return catalog.known_layouts(name)


def _check_target(source: Path, target: Path, force: bool) -> None:
    if target.exists() and source.exists() and target.samefile(source):
        raise ConfigError(
            f"{source} would overwrite itself.", remedy=f"Name another output: `ucm-scraper convert {source} {source.stem}.pcm.wav`."
        )
    if target.is_dir():
        raise ConfigError(f"{target} is a folder.", remedy="Name the file to write.")
    if target.exists() and not force:
        raise ConfigError(f"{target} exists already.", remedy="Name another output, or add --force.")


@contextmanager
def _opened(path: Path) -> Iterator[FileSource]:
    """The file, readable. Raises :class:`ConfigError` where it isn't."""
    from converters import FileSource

    try:
        with FileSource(path) as source:
            source.read(0, 1)
            yield source
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}.", remedy="Name a file that exists and may be read.") from error


@dataclass(slots=True)
class _Peak:
    """The largest sample so far."""

    value: int = 0

    def note(self, block: bytes | memoryview) -> None:
        """Look at s16le."""
        import numpy as np

        samples = np.frombuffer(block, "<i2")
        self.value = max(self.value, int(samples.max()), -int(samples.min())) if len(samples) else self.value

    def of(self, decoded: Decoded) -> Iterator[bytes]:
        """All samples, looked at; raises :class:`~converters.Undecodable`."""
        for block in decoded.blocks():
            self.note(block)
            yield block


def _write(decoded: Decoded, out: Callable[[bytes], object]) -> int:
    """Write a WAV file; its peak."""
    from converters import wav

    peak = _Peak()
    out(wav.header(decoded.frames, decoded.sample_rate, decoded.channels))
    for block in peak.of(decoded):
        out(block)
    return peak.value


def _write_compressed(decoded: Decoded, compression: Compression, file: BinaryIO) -> int:
    """The same as FLAC or Opus; raises :class:`~converters.Undecodable` where that can't hold it."""
    from converters import Undecodable
    from converters.compress import Incompressible, compress, fits

    peak = _Peak()
    try:
        if not fits(compression, decoded.frames, decoded.sample_rate, decoded.channels):
            raise Incompressible
        compress(compression, peak.of(decoded), decoded.sample_rate, decoded.channels, file)
    except Incompressible as error:
        what = {"flac": "FLAC", "opus": "Opus"}[compression]
        sound = f"{decoded.frames:,} samples at {decoded.sample_rate:,} Hz in {decoded.channels}"
        raise Undecodable("undecodable", f"{sound} can't be written as {what}; name an output that ends in .wav") from error
    return peak.value


def _to_stdout(decoded: Decoded) -> int:
    return _write(decoded, emit_bytes)


def _to_file(decoded: Decoded, target: Path, force: bool) -> int:
    """Under another name first, so that nobody sees half a file; in its place only once it is whole."""
    from scraper.disk import writing

    compression = _COMPRESSED.get(target.suffix.lower())
    with writing(str(target)):
        handle, name = tempfile.mkstemp(dir=target.absolute().parent, prefix=".", suffix=".part")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                peak = _write_compressed(decoded, compression, file) if compression else _write(decoded, file.write)
            temporary.chmod(0o666 & ~_umask())
            _place(temporary, target, force)
        finally:
            temporary.unlink(missing_ok=True)
    return peak


def _place(temporary: Path, target: Path, force: bool) -> None:
    if force:
        temporary.replace(target)
        return
    try:
        target.hardlink_to(temporary)
    except FileExistsError:
        raise ConfigError(f"{target} exists already.", remedy="Name another output, or add --force.") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _inspection(found: Inspection) -> dict[str, Any]:
    chosen, error = found.chosen, found.error
    return {
        "schema": 1,
        "size": found.size,
        "magic": found.magic,
        "kind": found.kind,
        "dump": found.dump,
        "candidates": [
            {"layout": one.layout, "verdict": one.verdict, "evidence": one.evidence, "noise_bits": one.noise_bits}
            for one in found.candidates
        ],
        "chosen": {"layout": chosen.layout, "confidence": chosen.confidence, "seconds": round(chosen.seconds, 3)} if chosen else None,
        "error": {"reason": error.reason, "detail": error.detail, "evidence": error.evidence} if error else None,
    }


def _lines(file: Path, found: Inspection) -> Iterator[str]:
    yield f"{file}: {found.size:,} bytes, begins {found.magic!r}, kind {found.kind}"
    yield from (f"  {line}" for line in found.dump)
    if found.candidates:
        yield "readings considered:"
    for one in found.candidates:
        figures = "" if one.noise_bits is None else f" [{one.noise_bits:.2f} bits of noise a sample]"
        yield f"  {one.layout}: {one.verdict}{figures}"
        yield from (f"    {evidence}" for evidence in one.evidence)
    if found.chosen:
        yield f"→ {found.chosen.layout} ({found.chosen.confidence}), {found.chosen.seconds:.2f} s"
    elif found.error:
        yield f"→ {found.error.reason}: {found.error.detail}"
        yield from (f"    {evidence}" for evidence in found.error.evidence)
