#!/usr/bin/env python3
"""Writes seccomp.json: what a process in the container may ask of the kernel. Run it again where a new syscall is needed.

Allowed is what this machine's kernel headers name (Linux, x86_64; other architectures leave out what they don't have), but for what
administers a machine, looks into other processes or has little use and a history of holes. Chromium's sandbox needs what Docker's own
profile holds back from containers without capabilities: user, process and network namespaces of its own, and chroot inside them.
Mounts and all other kinds of namespaces stay forbidden, so that what a namespace gives is a sandbox and nothing else.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")

#: Never, not even with the capability.
FORBIDDEN = """
acct add_key afs_syscall bpf clock_adjtime clock_settime create_module delete_module fanotify_init finit_module fsconfig fsmount
fsopen fspick get_kernel_syms getpmsg init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load
kexec_load keyctl lookup_dcookie mount mount_setattr move_mount move_pages migrate_pages name_to_handle_at nfsservctl
open_by_handle_at open_tree perf_event_open pidfd_getfd pivot_root process_madvise process_vm_readv process_vm_writev ptrace
putpmsg query_module quotactl quotactl_fd reboot request_key security setdomainname sethostname setns settimeofday swapoff swapon
_sysctl sysfs syslog tuxcall umount2 uselib userfaultfd ustat vhangup vserver
""".split()  # noqa: SIM905 -- a list to read -- a list of words
#: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC: kinds of namespaces that Chromium does not need.
OTHER_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000
AF_VSOCK = 40
ENOSYS = 38


def profile(names: list[str]) -> dict[str, object]:
    """The profile in Docker's form; ``names``: all syscalls there are."""
    ruled = {"clone", "clone3", "socket", "unshare"}
    plain = sorted(set(names) - set(FORBIDDEN) - ruled)
    no_other = [{"index": 0, "value": OTHER_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]
    no_vsock = [{"index": 0, "value": AF_VSOCK, "op": "SCMP_CMP_NE"}]
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,
        "archMap": [
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []},
        ],
        "syscalls": [
            {"names": plain, "action": "SCMP_ACT_ALLOW"},
            {"names": ["clone", "unshare"], "action": "SCMP_ACT_ALLOW", "args": no_other},
            # Its flags can't be looked at; libraries fall back to clone.
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS},
            {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": no_vsock},
        ],
    }


#: Younger than these headers.
NEWER = "cachestat fchmodat2 futex_requeue futex_wait futex_wake map_shadow_stack mseal".split()  # noqa: SIM905 -- a list to read


if __name__ == "__main__":
    found = re.findall(r"#define __NR_(\w+) \d+", HEADER.read_text())
    target = Path(__file__).with_name("seccomp.json")
    target.write_text(json.dumps(profile([*found, *NEWER]), indent=1) + "\n")
    sys.stderr.write(f"{target}: {len(found)} syscalls looked at\n")
