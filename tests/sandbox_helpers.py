"""Runs scripts in processes that are shut in like a decoder child."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from captiond.images.decoder import _ENVIRONMENT

SHUT = """
import ctypes, errno, json, os, signal, socket, sys, threading
from captiond.images import sandbox
from captiond.images.prepare import arm, start_threads

def tried(action):
    try:
        return action() or "done"
    except OSError as error:
        return errno.errorcode[error.errno]

def raw(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(number, *(ctypes.c_long(value) for value in arguments))
    return "done" if result >= 0 else errno.errorcode[ctypes.get_errno()]

def said(outcomes):
    sys.stdout.write(json.dumps(outcomes))
    sys.stdout.flush()
    os._exit(0)
"""


def confined(body: str) -> dict[str, str]:
    """Run a script in a process like a decoder child; return what it says."""
    done = ran(SHUT + body)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def ran(script: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environ = os.environ | _ENVIRONMENT
    command = [sys.executable, "-W", "ignore", "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, check=False, timeout=30, env=environ)
