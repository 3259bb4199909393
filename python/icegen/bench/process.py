# SPDX-License-Identifier: MIT
"""What Linux counts of this process: bytes that it sent over TCP, and its peak memory. OSError elsewhere."""

import contextlib
import os
import re
import socket
import stat
import struct
from pathlib import Path

BYTES_SENT = 200  # offset of tcpi_bytes_sent in the kernel's struct tcp_info, since Linux 4.19
RESET_PEAK = "5"  # what proc(5) wants in clear_refs


def bytes_sent() -> int:
    """Over all TCP connections that are open, with the headers of whoever speaks over them."""
    total = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # what is no TCP connection, or closed by now
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as connection:
                about = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            if len(about) >= BYTES_SENT + 8:
                total += struct.unpack_from("Q", about, BYTES_SENT)[0]
    return total


def peak_memory() -> float:
    """The most that was resident, MB."""
    return _status("VmHWM")


def reset_peak() -> float:
    """Let the peak be what is resident now, MB, and return that."""
    Path("/proc/self/clear_refs").write_text(RESET_PEAK)
    return _status("VmRSS")


def _status(entry: str) -> float:
    found = re.search(rf"^{entry}:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.M)
    if found is None:
        raise OSError(f"/proc/self/status has no {entry}")
    return int(found[1]) * 1024 / 1e6
