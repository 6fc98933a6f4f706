"""What ``verify --manifests`` says of the manifests, and the hashes that somebody kept of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import click

if TYPE_CHECKING:
    from scraper.catalog import Catalog
    from scraper.proof.chain import Chain
    from scraper.store import Store


@dataclass(slots=True)
class Heads:
    """Hashes of manifests that were kept elsewhere, and that no chain has proved yet."""

    wanted: set[str]

    @classmethod
    def parsed(cls, heads: Sequence[str]) -> Self:
        """As they were typed; a usage error where one is no hash."""
        wanted = {head.strip().lower() for head in heads}
        if not all(re.fullmatch(r"[0-9a-f]{64}", head) for head in wanted):
            raise click.BadParameter("write the 64 hexadecimal digits that `verify --manifests` showed.", param_hint="--head")
        return cls(wanted)

    def check(self, catalog: Catalog, store: Store, ucm: str) -> Chain:
        """Look at a UCM's manifests; the hashes that they prove are wanted no more."""
        from scraper.proof.chain import check

        chain = check(catalog, store, ucm)
        self.wanted -= {head for head in self.wanted if chain.proves(head)}
        return chain

    def all_proved(self) -> bool:
        """Whether none is left; tells on stderr of those that are."""
        for head in sorted(self.wanted):
            click.echo(f"ucm-scraper: No manifest has the hash {head}: they were cut off, or made anew.\n→ {_what_now()}", err=True)
        return not self.wanted


def as_told(chain: Chain) -> dict[str, Any]:
    """For programs."""
    head = chain.head
    return {
        "manifests": {
            "holds": chain.holds,
            "checked": len(chain.manifests),
            "lines": chain.lines,
            "lost": chain.lost,
            "head": {"number": head.number, "day": head.day, "sha256": head.sha256} if head else None,
            "flaws": [{"day": flaw.day or None, "id": flaw.recording, "detail": flaw.what} for flaw in chain.flaws],
        }
    }


def in_words(chain: Chain) -> Iterator[str]:
    """For people, line by line."""
    head = chain.head
    if head is None:
        yield f"{chain.ucm}: no manifest yet; the first one is written when a day with recordings is over (UTC)"
    else:
        yield f"{chain.ucm}: {len(chain.manifests):,} manifests, {chain.lines:,} lines, {'all hold' if chain.holds else 'not all hold'}"
        yield f"  the newest, of {head.day}: {head.sha256}"
    if chain.lost:
        yield f"  recordings that were lost, as the manifests tell themselves: {chain.lost:,}"
    for flaw in chain.flaws:
        yield "  " + ": ".join(filter(None, (flaw.day, f"recording #{flaw.recording}" if flaw.recording else "", flaw.what)))
    if chain.flaws:
        yield f"  → {_what_now()}"


def _what_now() -> str:
    from scraper.proof.chain import WHAT_NOW

    return WHAT_NOW
