# SPDX-License-Identifier: MIT
"""`one_run.py ARCHIVE DEVICE`: prints the SHA-256 of some states as the process's first and last request give them."""

import hashlib
import sys

from icegen.host.backend import Backend
from on_device import Request

request = Request(members=(1, 2), condition=(2001, 75), time=730560, history=True)
with Backend(sys.argv[1], sys.argv[2]) as model:
    for between in (True, False):
        states = model.generate(request.members, **request.keywords)
        sys.stdout.write(hashlib.sha256(states.tobytes()).hexdigest() + "\n")
        if between:
            model.generate((3,), **request.keywords)
