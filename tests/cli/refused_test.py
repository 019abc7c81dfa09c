"""Where the kernel refuses io_uring, each command says so in one line, with the cure; where it has
no Landlock, the server says so, and serves."""

import ctypes
import errno
import struct
import unittest

import tap
from spate_cli import Folder, run
from spate_cli import Program as Background

IO_URING_SETUP, LANDLOCK_CREATE_RULESET = 425, 444  # On every architecture.
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
RETURN_ERRNO, RETURN_ALLOW = 0x00050000, 0x7FFF0000  # seccomp(2)
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06


class Program(ctypes.Structure):
    """struct sock_fprog"""
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def refusing(code, call=IO_URING_SETUP):
    """What makes a system call fail with `code` in a process, as containers do."""
    rules = b"".join(struct.pack("HBBI", *rule) for rule in (
        (LOAD, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1, call),
        (RETURN, 0, 0, RETURN_ERRNO | code), (RETURN, 0, 0, RETURN_ALLOW)))
    program = Program(len(rules) // 8, rules)
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def in_child():
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
    return in_child


class RefusedTest(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Folder())

    def check(self, *arguments, code=errno.EPERM, cure="seccomp=unconfined"):
        done = run(*arguments, cwd=self.folder.path, preexec_fn=refusing(code))
        self.assertEqual((done.returncode, done.stdout), (69, ""), done.stderr)
        self.assertRegex(done.stderr, rf"^spate {arguments[0]}[^\n]*: .*{cure}.*\n$")
        self.assertEqual(list(self.folder.path.iterdir()), [])

    def test_serve(self):
        self.check("serve", "--listen", "127.0.0.1:0", ".")

    def test_serve_on_a_kernel_without_it(self):
        self.check("serve", "--listen", "127.0.0.1:0", ".", code=errno.ENOSYS, cure="Linux 6.1")

    def test_get(self):
        self.check("get", "http://127.0.0.1:9/file")

    def test_tcp(self):
        self.check("tcp", "listen", "127.0.0.1:0")

    def test_udp(self):
        self.check("udp", "listen", "127.0.0.1:0")

    def test_a_server_without_a_sandbox_says_so_once(self):
        for quiet in ((), ("--quiet",)):
            for code in (errno.ENOSYS, errno.EOPNOTSUPP):
                with self.subTest(quiet=quiet, code=code), Background(
                        "serve", *quiet, "-l", "127.0.0.1:0", self.folder.path,
                        preexec_fn=refusing(code, LANDLOCK_CREATE_RULESET)) as server:
                    server.wait_for_output("not confined to its folder: .* no Landlock")
                    server.stop()
                    self.assertEqual(server.stderr.count("Landlock"), 1)


if __name__ == "__main__":
    tap.main()
