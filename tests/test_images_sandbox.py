"""A decoder child can do nothing but decode."""

from __future__ import annotations

import platform
import signal
import struct
from pathlib import Path

import pytest
from images_helpers import PHOTOS, asked, pooled, prepared
from sandbox_helpers import SHUT, confined, ran

from captiond.errors import PhotoError
from captiond.images import sandbox
from captiond.images.prepare import arm

DOORS = {
    "reads": "os.open('/etc/passwd', os.O_RDONLY)",
    "writes": "os.open('/tmp/captiond-sandbox-test', os.O_WRONLY | os.O_CREAT)",
    "lists": "os.listdir('/')",
    "deletes": "os.unlink('/tmp/captiond-sandbox-test')",
    "changes the photo's mode": "os.fchmod(0, 0o600)",
    "changes the photo's times": "os.utime(0)",
    "opens a socket": "socket.socket()",
    "opens a pair of sockets": "socket.socketpair()",
    "connects": "old.connect(('127.0.0.1', 9))",
    "binds": "old.bind(('127.0.0.1', 0))",
    "sends": "old.sendmsg([b'x'], [], 0, ('127.0.0.1', 9))",
    "forks": "os.fork() or os._exit(0)",
    "executes": "os.execv('/bin/true', ['true'])",
    "signals its parent": "os.kill(os.getppid(), 0)",
    "signals everybody": "os.kill(-1, 0)",
    "limits its parent": "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)",
    "watches its parent": "os.pidfd_open(os.getppid())",
    "makes memory files": "os.memfd_create('x')",
    "reads the environment": "os.open('/proc/self/environ', os.O_RDONLY)",
    "reads its parent's environment": "os.open(f'/proc/{os.getppid()}/environ', os.O_RDONLY)",
    "reads its parent's memory": "os.open(f'/proc/{os.getppid()}/mem', os.O_RDWR)",
    "opens the photo anew, to write": "os.open('/proc/self/fd/0', os.O_RDWR)",
    "cuts the photo off": "os.ftruncate(0, 0)",
    "locks the photo": "fcntl.flock(0, fcntl.LOCK_EX)",
    "passes the photo on": "socket.send_fds(pair, [b'x'], [0])",
    "becomes somebody else": "os.setuid(12345)",
    "leaves its root": "os.chroot('/')",
    "goes elsewhere": "os.chdir('/')",
    "makes a pipe with a name": "os.mkfifo('/tmp/captiond-sandbox-test')",
    "links": "os.symlink('/etc', '/tmp/captiond-sandbox-test')",
}
NEW_EVERYWHERE = {"io_uring_setup": 425, "clone3": 435, "openat2": 437, "of the future": 999}
X86_64 = {"ptrace": 101, "mount": 165, "keyctl": 250, "perf_event_open": 298, "bpf": 321,
          "userfaultfd": 323, "vfork": 58, "setns": 308, "unshare": 272, "chmod": 90,
          "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "ioctl": 16,
          "prctl, to be dumpable": 157, "execveat": 322, "shmget": 29, "fcntl": 72}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _walls():
    missing = confined("said(sandbox.shut())")
    if missing:
        pytest.skip(f"this system cannot confine a process: {missing}")


def test_every_door_is_shut():
    """Files, network, processes: all are refused, and none ends the child."""
    actions = ", ".join(f"{name!r}: lambda: {action}" for name, action in DOORS.items())
    outcomes = confined(
        "import fcntl, resource\nold, (pair, _) = socket.socket(), socket.socketpair()\narm()\n"
        "assert len(os.listdir('/proc/self/task')) == 1  # Landlock holds for no other thread\n"
        "assert not sandbox.shut()\n"
        f"start_threads()\nsaid({{name: tried(act) for name, act in {{{actions}}}.items()}})"
    )
    assert set(outcomes.values()) <= {"EACCES", "EPERM", "ENOSYS"}, outcomes
    assert (outcomes["reads"], outcomes["forks"]) == ("EACCES", "EPERM")


def test_system_calls_no_decoder_makes_are_refused():
    """What is new is unknown, so that libraries fall back; the rest is forbidden."""
    own = X86_64 if platform.machine() == "x86_64" else {}
    outcomes = confined(
        f"calls = {NEW_EVERYWHERE | own}\nassert not sandbox.shut()\n"
        "said({name: raw(number, 0, 0, 0, 0) for name, number in calls.items()})"
    )
    assert {outcomes[name] for name in NEW_EVERYWHERE} == {"ENOSYS"}
    assert {outcomes[name] for name in own} <= {"EPERM"}


def test_landlock_alone_shuts_the_files_the_ports_and_the_signals():
    """One wall stands without the other."""
    outcomes = confined(
        "old = socket.socket()\nsandbox.leave_files()\nsaid({\n"
        "'reads': tried(lambda: os.open('/etc/passwd', os.O_RDONLY)),\n"
        "'writes': tried(lambda: os.open('/tmp/captiond-x', os.O_WRONLY | os.O_CREAT)),\n"
        "'connects': tried(lambda: old.connect(('127.0.0.1', 9))),\n"
        "'signals': tried(lambda: os.kill(os.getppid(), 0)),\n"
        "'opens a socket': tried(lambda: socket.socket().close())})"
    )
    assert (outcomes["reads"], outcomes["writes"]) == ("EACCES", "EACCES")
    assert outcomes["connects"] in {"EACCES", "ECONNREFUSED"}  # TCP since Linux 6.7
    assert outcomes["signals"] in {"EPERM", "done"}  # scopes since Linux 6.12
    assert outcomes["opens a socket"] == "done"


def test_threads_still_work_and_are_confined_too():
    """A thread started behind the doors does its work and opens nothing."""
    outcomes = confined(
        "assert not sandbox.shut()\nseen = {}\n"
        "def work():\n"
        "    seen['sum'] = sum(range(10))\n"
        "    seen['reads'] = tried(lambda: os.open('/etc/passwd', os.O_RDONLY))\n"
        "thread = threading.Thread(target=work)\nthread.start()\nthread.join()\nsaid(seen)"
    )
    assert outcomes == {"sum": 45, "reads": "EACCES"}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="int 0x80 is an affair of x86")
def test_a_call_by_the_numbers_of_another_architecture_is_deadly():
    """32-bit code would find `open` under the number of a call that is allowed."""
    done = ran(
        SHUT + "import mmap\npage = mmap.mmap(-1, 4096, prot=7)\n"
        "page.write(bytes.fromhex('b814000000cd80c3'))  # getpid, as a 32-bit program asks\n"
        "where = ctypes.addressof(ctypes.c_char.from_buffer(page))\n"
        "assert not sandbox.shut()\nctypes.CFUNCTYPE(ctypes.c_int)(where)()\nsaid({})"
    )
    if done.returncode == -signal.SIGSEGV:
        pytest.skip("this kernel runs no 32-bit code")
    assert done.returncode == -signal.SIGSYS


ALLOWED, EPERM, EACCES, ENOSYS, KILLED = 0x7FFF0000, 0x50001, 0x5000D, 0x50026, 0x80000000


@pytest.mark.parametrize(
    ("machine", "architecture", "numbers"),
    [
        ("x86_64", 0xC000003E, {"read": 0, "openat": 257, "clone": 56, "tgkill": 234, "exec": 59}),
        ("aarch64", 0xC00000B7,
         {"read": 63, "openat": 56, "clone": 220, "tgkill": 131, "exec": 221}),
    ],
)  # fmt: skip
def test_a_filter_allows_decoding_alone(machine, architecture, numbers):
    """By each architecture's own numbers, whatever this machine is."""
    code = sandbox.assembled(machine, own_pid=77)

    def judged(name, argument=0, *, under=architecture):
        return verdict(code, struct.pack("=IIQQ", numbers.get(name, name), under, 0, argument))

    assert judged("read") == ALLOWED
    assert judged("openat") == EACCES
    assert judged("exec") == EPERM
    assert (judged("clone", 0x11), judged("clone", 0x10000)) == (EPERM, ALLOWED)
    assert (judged("tgkill", 78), judged("tgkill", 77)) == (EPERM, ALLOWED)
    assert (judged(424), judged(0x40000000)) == (ENOSYS, ENOSYS)
    assert judged("read", under=0x40000003) == KILLED


def verdict(code: bytes, call: bytes) -> int:
    """Run a filter as the kernel does; return its verdict on a struct seccomp_data."""
    program = list(struct.iter_unpack("=HBBI", code))
    at, loaded = 0, 0
    while True:
        operation, if_so, if_not, value = program[at]
        if operation == 0x06:
            return value
        if operation == 0x20:
            (loaded,) = struct.unpack_from("=I", call, value)
            if_so = if_not = 0
        holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: loaded & value}
        at += 1 + (if_so if holds.get(operation) else if_not)


def test_an_architecture_without_a_table_has_no_filter():
    """Rather than a guess."""
    with pytest.raises(KeyError):
        sandbox.assembled("riscv64", own_pid=1)


@pytest.mark.parametrize(
    ("abi", "expected"),
    [
        (1, (0x1FFF, 0, 0)),
        (2, (0x3FFF, 0, 0)),
        (3, (0x7FFF, 0, 0)),
        (4, (0x7FFF, 3, 0)),
        (5, (0xFFFF, 3, 0)),
        (6, (0xFFFF, 3, 3)),
        (99, (0xFFFF, 3, 3)),
    ],
)
def test_landlock_takes_all_that_the_kernel_knows(abi, expected):
    """Asking for more than a kernel knows would be refused."""
    words = memoryview(sandbox.rights(abi)).cast("Q")
    assert tuple(words) == expected


async def test_every_thread_of_a_child_is_confined():
    """The libraries start threads of their own: none did so before the doors were shut."""
    async with pooled() as pool:
        await asked(pool, PHOTOS / "rocket.avif")
        threads = list(Path(f"/proc/{pool.pids()[0]}/task").iterdir())
        assert len(threads) > 1
        for thread in threads:
            status = (thread / "status").read_text()
            assert "Seccomp:\t2\n" in status
            assert "NoNewPrivs:\t1\n" in status


async def test_every_photo_is_decoded_as_without_walls():
    """The same bytes come out of a confined child as of this process, and the same refusals."""
    arm()
    async with pooled() as pool:
        for path in sorted(PHOTOS.rglob("*")):
            if path.is_file():
                assert await confined_outcome(pool, path) == outcome(path), path.name


def outcome(path: Path) -> object:
    try:
        return prepared(path)
    except PhotoError as error:
        return type(error), str(error)


async def confined_outcome(pool, path: Path) -> object:
    try:
        return await asked(pool, path)
    except PhotoError as error:
        return type(error), str(error)
