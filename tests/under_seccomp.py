"""Runs a command as a container with docs/seccomp.json would: another user, no capabilities, no new privileges, and that filter.

``python under_seccomp.py PROFILE UID COMMAND…``; needs root and libseccomp. Exit code 77: the library is missing.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys

_PR_SET_NO_NEW_PRIVS = 38
_ERRNO, _ALLOW = 0x00050000, 0x7FFF0000
_COMPARE = {"SCMP_CMP_NE": 1, "SCMP_CMP_EQ": 4, "SCMP_CMP_MASKED_EQ": 7}


class _Arg(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def load(profile: dict) -> None:
    """Put the filter on this process."""
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        sys.exit(77)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_ERRNO | profile["defaultErrnoRet"])))
    for rule in profile["syscalls"]:
        action = _ALLOW if rule["action"] == "SCMP_ACT_ALLOW" else _ERRNO | rule["errnoRet"]
        args = [_Arg(one["index"], _COMPARE[one["op"]], one["value"], one.get("valueTwo", 0)) for one in rule.get("args", [])]
        for name in rule["names"]:
            number = library.seccomp_syscall_resolve_name(name.encode())
            if number >= 0:
                added = library.seccomp_rule_add_array(context, ctypes.c_uint32(action), number, len(args), (_Arg * len(args))(*args))
                assert added == 0, (name, added)
    assert library.seccomp_load(context) == 0


def main() -> None:
    path, user, *command = sys.argv[1:]
    with open(path) as file:
        profile = json.load(file)
    found = shutil.which(command[0])  # now: the other user may not be able to read Python's own library
    assert found, command[0]
    os.setgroups([])
    os.setresgid(int(user), int(user), int(user))
    os.setresuid(int(user), int(user), int(user))  # which drops all capabilities
    assert ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    load(profile)
    os.execve(found, command, dict(os.environ))


if __name__ == "__main__":
    main()
