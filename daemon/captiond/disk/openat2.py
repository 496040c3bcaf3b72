"""Opens a folder beneath another in one system call that follows no link on the way.

openat2(2), by ctypes: glibc has no name for it yet.
"""

from __future__ import annotations

import ctypes
import errno
import os

_OPENAT2 = 437  # the same number on every architecture that came before 2019, but for Alpha
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08  # include/uapi/linux/openat2.h
# Mounts are not refused (RESOLVE_NO_XDEV): only root can make one, and a library may span disks.

_NOT_ANSWERED = {errno.ENOSYS, errno.EPERM, errno.EAGAIN, errno.EINTR}
"""No such call (Linux before 5.6, RestrictSUIDSGID=), forbidden (a container's filter), or held up
by renames or a signal."""


class _How(ctypes.Structure):
    """struct open_how."""

    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


_FOLDER = _How(
    os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC,
    0,
    _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS,
)
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
_syscall.argtypes = (
    ctypes.c_long,
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.POINTER(_How),
    ctypes.c_size_t,
)


def open_folder(folder: str, within: int) -> int | None:
    """Return a descriptor of the folder, None where this kernel gives no answer.

    Raises OSError: ELOOP for a link anywhere on the way.
    """
    fd = _syscall(_OPENAT2, within, os.fsencode(folder), ctypes.byref(_FOLDER), ctypes.sizeof(_How))
    if fd >= 0:
        return int(fd)
    code = ctypes.get_errno()
    if code in _NOT_ANSWERED:
        return None
    raise OSError(code, os.strerror(code), folder)
