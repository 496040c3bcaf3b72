"""Shuts this process in: no files, no network, no other processes, for good.

Landlock takes the file system and the TCP ports away, a seccomp filter all system calls but those
that decoding needs. Either stands alone where the other is missing. By ctypes: the packages for it
are young or need libseccomp, and this is all that is wanted of them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass

_PR_SET_NAME, _PR_SET_NO_NEW_PRIVS = 15, 38
_CLONE_THREAD = 0x10000

# include/uapi/linux/landlock.h; these numbers are the same on every architecture.
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
_LANDLOCK_VERSION = 1
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many rights to files there are from an ABI on."""
_TCP_SINCE, _TCP_RIGHTS = 4, 0b11  # bind, connect
_SCOPES_SINCE, _SCOPES = 6, 0b11  # abstract sockets, signals

# include/uapi/linux/seccomp.h and filter.h
_FILTER_MODE, _FILTER_ALL_THREADS = 1, 1
_KILL_PROCESS, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16

_FIRST_OF_2019 = 424
"""From here on a call has one number everywhere: pidfds, io_uring, clone3, openat2, Landlock, and
what is yet to come. ENOSYS to all, as an older kernel says it: libraries have another way then."""

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""By `uname -m`: the column in the tables below, and AUDIT_ARCH_*."""

_ABSENT = -1
_NEEDED = {  # x86_64, aarch64
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "poll": (7, _ABSENT),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "pread64": (17, 67),
    "readv": (19, 65),
    "writev": (20, 66),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "dup": (32, 23),
    "nanosleep": (35, 101),
    "getpid": (39, 172),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "recvmsg": (47, 212),
    "exit": (60, 93),
    "gettimeofday": (96, 169),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "sigaltstack": (131, 132),
    "arch_prctl": (158, _ABSENT),
    "gettid": (186, 178),
    "futex": (202, 98),
    "sched_getaffinity": (204, 123),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "newfstatat": (262, 79),
    "ppoll": (271, 73),
    "set_robust_list": (273, 99),
    "getcpu": (309, 168),
    "getrandom": (318, 278),
    "membarrier": (324, 283),
    "statx": (332, 291),
    "rseq": (334, 293),
}
_CLONE = (56, 220)
_TGKILL = (234, 131)
_PRCTL = (157, 167)
_PRLIMIT = (302, 261)
_SECCOMP = (317, 277)
_OPENING = {"open": (2, _ABSENT), "openat": (257, 56)}
"""Told EACCES, as Landlock and a missing permission are: nobody is surprised by that."""


class UnavailableError(Exception):
    """This kernel, or whoever confined this process before, does not let the door be shut."""


def shut() -> tuple[str, ...]:
    """Shut all doors; return what could not be shut, in words for the log.

    To be called while there is one thread: Landlock holds for it and those it starts later.
    """
    missing = []
    doors: dict[str, Callable[[], None]] = {"Landlock": leave_files, "seccomp": filter_calls}
    for name, shut_one in doors.items():
        try:
            shut_one()
        except UnavailableError as error:
            missing.append(f"{name}: {error}")
    return tuple(missing)


def leave_files() -> None:
    """Give up the file system, TCP, and signals and sockets of others, as far as Landlock goes.

    Open files stay open. Raises UnavailableError.
    """
    abi = _call(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION)
    rules = ctypes.create_string_buffer(rights(abi))
    ruleset = _call(_LANDLOCK_CREATE_RULESET, rules, len(rules.raw) - 1, 0)
    try:
        _give_up_privileges()
        _call(_LANDLOCK_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def filter_calls() -> None:
    """Give up all system calls that decoding does not need, in all threads.

    Raises UnavailableError.
    """
    machine = os.uname().machine
    if machine not in _ARCHITECTURES or sys.maxsize < 1 << 32:
        raise UnavailableError(f"no filter for {machine} with {sys.maxsize.bit_length() + 1} bits")
    install(assembled(machine, own_pid=os.getpid()))


def rights(abi: int) -> bytes:
    """Return all that Landlock can take away at an ABI, as a struct landlock_ruleset_attr."""
    count = max((count for since, count in _FILE_RIGHTS.items() if since <= abi), default=0)
    tcp = _TCP_RIGHTS if abi >= _TCP_SINCE else 0
    scopes = _SCOPES if abi >= _SCOPES_SINCE else 0
    return struct.pack("=QQQ", (1 << count) - 1, tcp, scopes)


def install(code: bytes) -> None:
    """Let a BPF program judge every system call from now on; raises UnavailableError."""
    program = ctypes.create_string_buffer(code)
    # struct sock_fprog: a length in instructions, padding, a pointer
    head = struct.pack("@HP", len(code) // 8, ctypes.addressof(program))
    column, _ = _ARCHITECTURES[os.uname().machine]
    _give_up_privileges()
    refusing = _call(_SECCOMP[column], _FILTER_MODE, _FILTER_ALL_THREADS, head)
    if refusing:
        raise UnavailableError(f"thread {refusing} has a filter of its own")


@dataclass(frozen=True, slots=True)
class _Only:
    """A call that is needed with one argument alone: `test` of its lower half with `value`."""

    call: tuple[int, int]
    argument: int
    test: int
    value: int


def assembled(machine: str, *, own_pid: int) -> bytes:
    """Return the filter as BPF instructions; KeyError for a machine without a table."""
    column, architecture = _ARCHITECTURES[machine]
    conditional = (
        _Only(_CLONE, 0, _IF_BIT, _CLONE_THREAD),
        _Only(_TGKILL, 0, _IF_EQUAL, own_pid),  # abort()
        _Only(_PRCTL, 0, _IF_EQUAL, _PR_SET_NAME),
        _Only(_PRLIMIT, 0, _IF_EQUAL, 0),  # one's own limits
    )
    code = [
        _op(_LOAD, _ARCHITECTURE_AT),
        *_unless(_IF_EQUAL, architecture, _KILL_PROCESS),  # int 0x80 has numbers of its own
        _op(_LOAD, _NUMBER_AT),
        *_when(_IF_AT_LEAST, _FIRST_OF_2019, _ERRNO | errno.ENOSYS),
    ]
    for call in _NEEDED.values():
        code += _when(_IF_EQUAL, call[column], _ALLOW)
    for call in _OPENING.values():
        code += _when(_IF_EQUAL, call[column], _ERRNO | errno.EACCES)
    for only in conditional:
        code += _conditional(only, column)
    return b"".join([*code, _op(_RETURN, _ERRNO | errno.EPERM)])


def _conditional(only: _Only, column: int) -> list[bytes]:
    inner = [
        _op(_LOAD, _ARGUMENTS_AT + 8 * only.argument),  # the lower half: both are little-endian
        *_when(only.test, only.value, _ALLOW),
        _op(_RETURN, _ERRNO | errno.EPERM),
    ]
    return [_op(_IF_EQUAL, only.call[column], 0, len(inner)), *inner]


def _when(test: int, value: int, outcome: int) -> list[bytes]:
    if value == _ABSENT:
        return []
    return [_op(test, value, 0, 1), _op(_RETURN, outcome)]


def _unless(test: int, value: int, outcome: int) -> list[bytes]:
    return [_op(test, value, 1, 0), _op(_RETURN, outcome)]


def _op(code: int, value: int, if_so: int = 0, if_not: int = 0) -> bytes:
    """Return one instruction; a jump passes over so many of those that follow."""
    return struct.pack("=HBBI", code, if_so, if_not, value)


def _give_up_privileges() -> None:
    """Promise never to gain privileges, without which neither door may be shut."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))):
        raise UnavailableError(os.strerror(ctypes.get_errno()))


def _call(number: int, *arguments: object) -> int:
    """Make a system call the libc has no name for; raises UnavailableError."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    widened = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *widened))
    if result < 0:
        raise UnavailableError(os.strerror(ctypes.get_errno()))
    return result
