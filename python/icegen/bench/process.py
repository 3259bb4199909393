# SPDX-License-Identifier: MIT
"""Linux's counts of this process: bytes sent over TCP, and peak memory. Raises OSError on other systems."""

import contextlib
import os
import re
import socket
import stat
import struct
from pathlib import Path

BYTES_SENT = 200  # offset of tcpi_bytes_sent in the kernel's struct tcp_info, since Linux 4.19
RESET_PEAK = "5"  # written to clear_refs, see proc(5)


def bytes_sent() -> int:
    """Bytes sent over all open TCP connections, with the headers of the protocols above TCP."""
    total = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # not a TCP connection, or closed already
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as connection:
                about = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            if len(about) >= BYTES_SENT + 8:
                total += struct.unpack_from("Q", about, BYTES_SENT)[0]
    return total


def peak_memory() -> float:
    """Largest resident memory so far, MB."""
    return _status("VmHWM")


def reset_peak() -> float:
    """Reset the peak to the memory that is resident now. Returns that, MB."""
    Path("/proc/self/clear_refs").write_text(RESET_PEAK)
    return _status("VmRSS")


def _status(entry: str) -> float:
    found = re.search(rf"^{entry}:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.M)
    if found is None:
        raise OSError(f"/proc/self/status has no {entry}")
    return int(found[1]) * 1024 / 1e6
