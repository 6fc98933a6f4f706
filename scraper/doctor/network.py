"""The first layer: the PBX's name resolves, and its port takes a connection."""

from __future__ import annotations

import queue
import socket
import threading
import time

from scraper import tls
from scraper.doctor.steps import Layer, Step
from scraper.errors import NetworkError, ScraperError

#: How long a name may take to resolve, and a connection to open, in seconds.
RESOLVE_SECONDS, CONNECT_SECONDS = 10.0, 10.0


def network(url: str) -> Step:
    """Resolve and connect."""
    host, port = tls.host_and_port(url)
    try:
        addresses = resolve(host, port, RESOLVE_SECONDS)
        began = time.monotonic()
        answered = tls.connect(url, CONNECT_SECONDS)
    except ScraperError as error:
        return Step.failed(Layer.NETWORK, error)
    took = (time.monotonic() - began) * 1000
    also = f", one of {len(addresses)} addresses of {host}," if len(addresses) > 1 else "" if answered == host else f" ({host})"
    return Step.ok(Layer.NETWORK, f"{answered}{also} answers on port {port} within {max(took, 1):.0f} ms")


def resolve(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of a name. Raises :class:`NetworkError`, also where there is no answer within ``seconds``.

    In a thread of its own, which is left behind then: the system's resolver knows no deadline.
    """
    found: queue.Queue[list[str] | OSError | UnicodeError] = queue.Queue()

    def ask() -> None:
        try:
            found.put(list(dict.fromkeys(str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))))
        except (OSError, UnicodeError) as error:
            found.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    remedy = "Check `url` in the configuration and this machine's DNS."
    try:
        answer = found.get(timeout=seconds)
    except queue.Empty:
        raise NetworkError(f"No name server told the address of {host} within {seconds:.0f} s.", remedy=remedy) from None
    if not isinstance(answer, list):
        raise NetworkError(f"The name {host} can't be resolved.", remedy=remedy) from answer
    return answer
