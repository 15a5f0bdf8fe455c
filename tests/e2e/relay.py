"""A TCP relay that holds everything up, each way by a delay and some jitter, order kept: a slow path between hosts.

    python -m tests.e2e.relay [HOST:]PORT DELAY_THERE_MS DELAY_BACK_MS JITTER_MS

leads to that port (this host's where none is named) from one on loopback, which it prints; it ends with its standard
input, and then prints the bytes that went there and back.
"""

import asyncio
import contextlib
import os
import random
import sys


async def _carry(reader, writer, delay_s, jitter_s, draw, carried, way):
    """One direction of a connection."""
    loop = asyncio.get_running_loop()
    due = 0.0
    while data := await reader.read(65536):
        carried[way] += len(data)
        due = max(due, loop.time() + delay_s + draw.expovariate(1.0) * jitter_s)
        loop.call_at(due, writer.write, data)
    loop.call_at(max(due, loop.time()) + 0.001, writer.close)


async def _serve(to, there_s, back_s, jitter_s):
    host, _, port = to.rpartition(":")
    draw = random.Random(1)
    carried = [0, 0]

    async def join(reader, writer):
        while True:  # a master that is not up yet
            try:
                there, back = await asyncio.open_connection(host or "127.0.0.1", int(port))
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
        await asyncio.gather(
            _carry(reader, back, there_s, jitter_s, draw, carried, 0),
            _carry(there, writer, back_s, jitter_s, draw, carried, 1),
        )

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    server.close()
    with contextlib.suppress(BrokenPipeError):  # nobody wants to know
        os.write(1, f"{carried[0]} {carried[1]}\n".encode())  # without a buffer that the exit would try again


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], *(float(ms) / 1000 for ms in sys.argv[2:5])))
