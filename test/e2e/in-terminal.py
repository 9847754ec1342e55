"""Runs a command on a terminal of its own, the argument as JSON. What the terminal shows goes to stdout, what becomes of the command
to stderr. Orders come by stdin, a line each: stop (as Ctrl-Z does), continue, hang up."""
import json
import os
import pty
import select
import signal
import sys

argv = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(argv[0], argv)
sources = [terminal, 0]
while True:
    ready, _, _ = select.select(sources, [], [], 0.05)
    if terminal in ready:
        try:
            shown = os.read(terminal, 65536)
        except OSError:
            shown = b""
        if shown:
            os.write(1, shown)
        else:
            sources.remove(terminal)
    if 0 in ready:
        order = sys.stdin.readline().strip()
        if order == "stop":
            os.write(terminal, b"\x1a")
        elif order == "continue":
            os.killpg(pid, signal.SIGCONT)
        elif order == "hang up":
            sources = [0]
            os.close(terminal)
        else:
            os.kill(pid, signal.SIGKILL)
    ended, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
    if ended and os.WIFSTOPPED(status):
        os.write(2, b"stopped\n")
    elif ended:
        os.write(2, f"ended {os.waitstatus_to_exitcode(status)}\n".encode())
        break
