"""A relay on this machine, through which the browser reaches the PBX no faster than it may (RFC 1928: SOCKS 5, without authentication).

Chromium's own emulation of slow networks is set tab by tab, each with a rate of its own; here all that a job downloads is counted together,
over the API as well. What passes stays encrypted from end to end: the browser proves the PBX's key itself, as without a relay.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address

from scraper.bandwidth import Bandwidth
from scraper.coroutines import end

_BLOCK_BYTES = 1 << 16
_VERSION, _CONNECT = 5, 1
_IP4, _NAME, _IP6 = 1, 3, 4
_GRANTED, _FAILED, _FORBIDDEN = 0, 1, 2


@asynccontextmanager
async def relay(bandwidth: Bandwidth, hosts: Collection[str]) -> AsyncIterator[str]:
    """A relay to these ``hosts`` and no others, as a proxy's URL; it ends with the block, and all connections through it."""
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await _serve(reader, writer, bandwidth, hosts)
        finally:
            connections.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"socks5://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await end(*connections)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bandwidth: Bandwidth, hosts: Collection[str]) -> None:
    """One connection: agree on no authentication, connect, and pass bytes until either end has no more."""
    _, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    writer.write(bytes([_VERSION, 0]))
    command, host, port = await _request(reader)
    if command != _CONNECT or host not in hosts:
        writer.write(_reply(_FORBIDDEN))
        return
    try:
        far_reader, far_writer = await asyncio.open_connection(host, port)
    except OSError:
        writer.write(_reply(_FAILED))
        return
    try:
        writer.write(_reply(_GRANTED))
        await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer, bandwidth))
    finally:
        far_writer.close()


async def _request(reader: asyncio.StreamReader) -> tuple[int, str, int]:
    """(command, host, port) that is asked for."""
    _, command, _, kind = await reader.readexactly(4)
    if kind == _NAME:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode("ascii", "replace")
    else:
        host = str(ip_address(await reader.readexactly(16 if kind == _IP6 else 4)))
    return command, host, int.from_bytes(await reader.readexactly(2))


def _reply(status: int) -> bytes:
    return bytes([_VERSION, status, 0, _IP4, 0, 0, 0, 0, 0, 0])


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bandwidth: Bandwidth | None = None) -> None:
    while data := await reader.read(_BLOCK_BYTES):
        if bandwidth is not None:
            await asyncio.sleep(bandwidth.spend(len(data)))
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
