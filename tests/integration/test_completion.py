"""What a person gets who presses the tab key: real interactive shells, and a real daemon that has the names."""

import os
import pty
import select
import shutil
import time

import pytest

from lab import Dbcertd, Openssl, ago, config, entry, host

CONF = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../conf")

SHELLS = {
    # How the shell is started, what it reads first, and how it shows the line after ^T.
    "bash": (["bash", "--norc", "--noprofile", "-i"],
             "source {conf}/completion.bash; show() {{ printf '%s' \"$READLINE_LINE\" >{line}.new; mv {line}.new {line}; }};"
             " bind -x '\"\\C-t\": show'; bind 'set bell-style none'"),
    "zsh": (["zsh", "-f", "-i"],
            "fpath=({work} $fpath); autoload -Uz compinit; compinit -D -u; setopt no_beep no_auto_menu;"
            " show() {{ print -rn -- \"$BUFFER\" >{line}.new; mv {line}.new {line} }}; zle -N show; bindkey '^T' show"),
}

TYPED = [
    ("dbcertctl foreca", "dbcertctl forecast"),
    ("dbcertctl show bi", "dbcertctl show billing"),
    ("dbcertctl history or", "dbcertctl history orders"),
    ("dbcertctl check or", "dbcertctl check orders"),
    ("dbcertctl silence bi", "dbcertctl silence billing"),
    ("dbcertctl silence rotation-o", "dbcertctl silence rotation-overdue"),
    ("dbcertctl silence orders ca-mis", "dbcertctl silence orders ca-mismatch"),
    ("dbcertctl plan rds-ca-e", "dbcertctl plan rds-ca-ecc384-g1"),
    ("dbcertctl forecast --u", "dbcertctl forecast --until"),
    ("dbcertctl authorities --a", "dbcertctl authorities --all"),
    ("dbcertctl status --sort sev", "dbcertctl status --sort severity"),
    ("dbcertctl watch --severity crit", "dbcertctl watch --severity critical"),
    ("dbcertctl findings bi", "dbcertctl findings billing"),
    ("dbcertctl scan neptu", "dbcertctl scan neptune://"),
    ("dbcertctl scan --expect-ca rds-ca-e", "dbcertctl scan --expect-ca rds-ca-ecc384-g1"),
    ("dbcertctl scan --engine aurora-p", "dbcertctl scan --engine aurora-postgresql"),
    ("dbcertd --check", "dbcertd --check-config"),
    ("dbcertd --list-f", "dbcertd --list-findings"),
]


@pytest.fixture(scope="module")
def daemon(lab, binaries):
    chain = lab.pki.server("orders", host("orders"), ago(30), ago(30 - 365))[0]
    made = Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048"), [
        entry("orders", "tls", Openssl(lab, "orders", chain).port), entry("billing", "tls", Openssl(lab, "billing", chain).port)]))
    made.settle()
    return made


class Shell:
    """An interactive shell on a terminal of its own."""

    def __init__(self, kind, work, environment):
        command, setup = SHELLS[kind]
        self.line = str(work / "line")
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, environment)
        self.screen = b""
        self.type(setup.format(conf=CONF, work=work, line=self.line) + "\r")
        for _ in range(40):  # a key that comes while the shell starts is lost
            self.type("\x14")
            if self.waits_for_line(0.5):
                break
        while self.waits_for_line(0.5):
            pass  # of each that was pressed

    def type(self, text):
        os.write(self.terminal, text.encode())

    def waits_for_line(self, seconds):
        """The line, if it comes; takes what is on the screen meanwhile, or the shell would wait."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.terminal], [], [], 0.02)[0]:
                self.screen += os.read(self.terminal, 65536)
            if os.path.exists(self.line):
                text = open(self.line).read()
                os.unlink(self.line)
                return "is" + text
        return None

    def shown(self, text):
        """Types, asks the shell for its line, and empties it."""
        self.type(text + "\x14\x15")
        line = self.waits_for_line(20)
        assert line, f"the shell does not answer: {self.screen[-2000:]!r}"
        return line.removeprefix("is")

    def end(self):
        os.close(self.terminal)  # hangs up
        os.waitpid(self.pid, 0)


@pytest.fixture(params=SHELLS)
def shell(request, tmp_path, daemon, binaries):
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")
    shutil.copy(os.path.join(CONF, "completion.zsh"), tmp_path / "_dbcertctl")
    made = Shell(request.param, tmp_path, {"PATH": f"{binaries}:{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "dumb",
                                           "DBCERTD_SOCKET": daemon.socket})
    yield made
    made.end()


def test_the_tab_key_completes_commands_options_names_and_findings(shell):
    wrong = [(typed, line) for typed, wanted in TYPED if (line := shell.shown(typed + "\t").rstrip()) != wanted]
    assert not wrong


def test_without_a_daemon_nothing_is_offered_and_nothing_is_said(shell):
    assert shell.shown("dbcertctl --socket /nowhere show o\t").rstrip() == "dbcertctl --socket /nowhere show o"
    assert b"cannot" not in shell.screen
