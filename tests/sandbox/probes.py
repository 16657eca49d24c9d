"""A submission that tries to get out in as many ways as it knows; k says which. What it finds comes back as an error.

Runs in the locked worker: the tests send this file's text. CANARY, PORT, PARENT, SIBLING and SOCKET are put in front.
"""

import ctypes
import mmap
import os
import resource
import signal
import socket
import struct
import subprocess

CANARY = PORT = PARENT = SIBLING = SOCKET = NEIGHBOUR = None
# BELOW HERE WITH THE VALUES
LIBC = ctypes.CDLL(None, use_errno=True)


def call(number, *arguments):
    result = LIBC.syscall(ctypes.c_long(number), *arguments)
    if result == -1:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def read_canary():
    with open(CANARY) as file:
        return file.read()


def read_home_of_the_process():
    return open(f"/proc/{PARENT}/environ", "rb").read()


def read_own_memory_map():
    return open("/proc/self/maps").read()


def read_passwd():
    return open("/etc/passwd").read()


def read_through_a_descriptor():
    folder = os.open(os.path.dirname(CANARY), os.O_PATH)  # a name without a right, which is all it gives
    try:
        return os.listdir(folder), os.read(os.open("canary", os.O_RDONLY, dir_fd=folder), 1)
    finally:
        os.close(folder)


def list_the_folder():
    return os.listdir(os.path.dirname(CANARY))


def list_processes():
    return os.listdir("/proc")


def write_canary():
    with open(CANARY, "a") as file:
        file.write("x")


def truncate_by_opening():
    return os.open(CANARY, os.O_RDONLY | os.O_TRUNC)


def truncate_canary():
    os.truncate(CANARY, 0)


def make_a_file():
    return open(CANARY + ".new", "w")


def make_a_folder():
    os.mkdir(CANARY + ".folder")


def make_a_link():
    os.symlink(CANARY, CANARY + ".link")


def make_a_pipe():
    os.mkfifo(CANARY + ".pipe")


def make_an_unnamed_file():
    return os.open("/tmp", os.O_TMPFILE | os.O_RDWR)


def make_shared_memory():
    return os.open("/dev/shm/maxpo_canary", os.O_CREAT | os.O_RDWR)


def make_memory_file():
    return os.memfd_create("canary")


def remove_canary():
    os.unlink(CANARY)


def rename_canary():
    os.rename(CANARY, CANARY + ".old")


def change_the_mode():
    os.chmod(CANARY, 0o777)


def change_the_owner():
    os.chown(CANARY, 1, 1)


def change_the_time():
    os.utime(CANARY, (0, 0))


def set_an_attribute():
    os.setxattr(CANARY, "user.canary", b"x")


def connect():
    return socket.create_connection(("127.0.0.1", PORT), timeout=1)


def send_a_datagram():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", PORT))


def connect_locally():
    socket.socket(socket.AF_UNIX).connect(SOCKET)


def make_a_socket_pair():
    return socket.socketpair()


def listen_to_the_kernel():
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)


def fork():
    if os.fork() == 0:
        signal.pause()


def fork_by_number():
    if call(57) == 0:
        signal.pause()


def vfork():
    if call(58) == 0:
        os._exit(0)


def daemonise():
    os.setsid()


def spawn():
    return os.posix_spawn("/bin/sleep", ["sleep", "60"], {})


def run_a_command():
    return subprocess.run(["/bin/sh", "-c", "sleep 60"])


def execute():
    os.execv("/bin/sleep", ["sleep", "60"])


def kill_the_parent():
    os.kill(PARENT, signal.SIGKILL)


def kill_a_sibling():
    os.kill(SIBLING, signal.SIGKILL)


def kill_a_thread_of_a_sibling():
    call(234, SIBLING, SIBLING, 9)


def kill_everybody():
    os.kill(-1, signal.SIGKILL)


def kill_the_group():
    os.killpg(0, signal.SIGKILL)


def queue_a_signal():
    call(129, SIBLING, 9, ctypes.create_string_buffer(128))


def open_a_process():
    return os.pidfd_open(SIBLING)


def trace_the_parent():
    call(101, 16, PARENT, 0, 0)  # PTRACE_ATTACH


def read_the_parents_memory():
    buffer = ctypes.create_string_buffer(8)
    vector = struct.pack("PN", ctypes.addressof(buffer), 8)
    call(310, PARENT, vector, 1, vector, 1, 0)


def limit_the_parent():
    resource.prlimit(PARENT, resource.RLIMIT_NOFILE, (7, 7))


def pin_the_parent():
    os.sched_setaffinity(PARENT, {0})


def slow_the_parent_down():
    os.setpriority(os.PRIO_PROCESS, PARENT, 19)


def raise_a_limit():
    resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def outlive_the_parent():
    if LIBC.prctl(1, 0, 0, 0, 0):
        raise PermissionError("prctl")


def be_traceable():
    if LIBC.prctl(4, 1, 0, 0, 0):
        raise PermissionError("prctl")


def become_root():
    os.setresuid(0, 0, 0)


def enter_a_namespace():
    call(272, 0x10000000)


def mount():
    call(165, None, b"/mnt", b"tmpfs", 0, None)


def rings():
    call(425, 1, ctypes.create_string_buffer(120))


def load_a_filter():
    call(321, 0, ctypes.create_string_buffer(72), 72)


def handle_faults():
    call(323, 0)


def share_memory_by_key():
    call(29, 0, 4096, 0o1600)


def keep_a_key():
    call(248, b"user", b"canary", b"x", 1, -2)


def type_into_the_terminal():
    LIBC.ioctl.restype = ctypes.c_int
    if LIBC.ioctl(0, 0x5412, b"x"):
        raise OSError(ctypes.get_errno(), "ioctl")


def watch_files():
    call(253)


def own_a_descriptor():
    import fcntl

    return fcntl.fcntl(2, fcntl.F_SETOWN, SIBLING)


def use_a_32_bit_number_space():
    call(0x40000000 + 39)


def find_inherited_descriptors():
    open_now = []
    for number in range(3, 200):
        try:
            os.fstat(number)
        except OSError:
            continue
        open_now.append(number)
    if len(open_now) == 2:  # its own two pipes
        raise PermissionError("none")
    return open_now


def find_the_environment():
    if not any("CANARY" in text for item in os.environ.items() for text in item):
        raise PermissionError("none")
    return dict(os.environ)


def look_into_a_neighbour():
    return open(f"/proc/{NEIGHBOUR}/status").read()


def map_a_file():
    return mmap.mmap(os.open(CANARY, os.O_RDONLY), 1)


ATTEMPTS = [
    value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", None) == __name__ and name != "call"
]


def advantages(rewards, k):
    try:
        found = ATTEMPTS[k]()
    except (OSError, ValueError) as error:
        raise RuntimeError(f"refused: {type(error).__name__}: {error}") from None
    raise RuntimeError(f"REACHED: {found}")
