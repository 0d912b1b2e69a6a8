"""What a person sees of dbcertctl on terminals of several widths, and how to see less of it."""

import json
import os
import re
import shutil
import socket
import subprocess

import pytest

from lab import Dbcertd, Openssl, ago, closed_port, config, entry, host


@pytest.fixture(scope="module")
def daemon(lab, binaries):
    def port(name, age, life=365):
        return Openssl(lab, name, lab.pki.server(name, host(name), ago(age), ago(age - life))[0]).port
    made = Dbcertd(lab, binaries, config(lab.pki.bundle("rsa2048"), [
        entry("young", "tls", port("young", 30)), entry("stalled", "tls", port("stalled", 230), maintenance_window="sun:05:00-sun:06:00"),
        entry("ending", "docdb", port("ending", 1080, 1095)), entry("ended", "tls", port("ended", 400)),
        entry("halfway", "neptune", port("halfway", 185)), entry("refusing", "mysql", closed_port())]))
    made.settle()
    return made


def on_terminal(daemon, columns, *words):
    """A list of lines without colours, and whether there were any."""
    text = daemon.on_terminal(columns, *words)
    return re.sub(r"\033\[[0-9;]*m", "", text).split("\n"), "\033[" in text


def columns_of(lines):
    return lines[0].split()


def test_a_wide_terminal_has_every_column_and_a_narrow_one_what_matters(daemon):
    everything, coloured = on_terminal(daemon, 200, "status")
    assert coloured and columns_of(everything) == ["NAME", "ENGINE", "CA", "LIFE", "LEFT", "NEXT", "FINDINGS"]
    assert columns_of(on_terminal(daemon, 112, "status")[0]) == ["NAME", "CA", "LIFE", "LEFT", "NEXT", "FINDINGS"]
    assert columns_of(on_terminal(daemon, 80, "status")[0]) == ["NAME", "LIFE", "LEFT", "FINDINGS"]
    assert columns_of(on_terminal(daemon, 45, "status")[0]) == ["NAME", "LEFT", "FINDINGS"]
    for columns in (200, 112, 80, 60, 45):
        lines = on_terminal(daemon, columns, "status")[0]
        assert all(len(line) <= columns for line in lines[:lines.index("")]), columns
    assert columns_of(daemon.ctl("status").stdout.split("\n")) == columns_of(everything)  # a pipe is as wide as it takes


def test_a_line_has_the_letter_the_life_and_what_comes_next(daemon):
    lines = {line[3:].split()[0]: line for line in daemon.ctl("status").stdout.split("\n\n")[0].split("\n")}
    bar = {name: re.search(r"\[.{24}\]", line).group(0) for name, line in lines.items() if "[" in line}
    assert lines["young"].startswith("-  ") and bar["young"] == "[=>----------|-----------]" and "  half-life 20" in lines["young"]
    assert lines["halfway"].startswith("N  ") and bar["halfway"] == "[============>-----------]" and "  rotation by 20" in lines["halfway"]
    assert lines["stalled"].startswith("W  ") and bar["stalled"] == "[============|==>--------]" and lines["stalled"].endswith("  rotation-overdue")
    assert lines["ending"].startswith("C  ") and bar["ending"] == "[============|==========>]" and re.search(r"  1[45]d ", lines["ending"])
    assert lines["ended"].startswith("C  ") and bar["ended"] == "[============|==========X]" and re.search(r"  -3[45]d ", lines["ended"])
    assert lines["refusing"].startswith("U  ") and "nothing was seen yet" in lines["refusing"]


def names(daemon, *words):
    out = daemon.ctl("--json", "status", *words)
    assert out.returncode == 0, out.stderr
    listed = [e["name"] for e in json.loads(out.stdout)["endpoints"]]
    table = daemon.ctl("status", *words).stdout.split("\n\n")[0].split("\n")[1:]
    assert [line[3:].split()[0] for line in table] == listed  # the table and the API agree
    return listed


def test_less_is_seen_by_severity_engine_and_patterns_in_the_order_that_is_asked_for(daemon):
    assert names(daemon) == ["young", "stalled", "ending", "ended", "halfway", "refusing"]
    assert names(daemon, "--sort", "name") == ["ended", "ending", "halfway", "refusing", "stalled", "young"]
    assert names(daemon, "--sort", "severity") == ["ending", "ended", "stalled", "refusing", "halfway", "young"]
    assert names(daemon, "--sort", "end") == ["ended", "ending", "stalled", "halfway", "young", "refusing"]
    assert names(daemon, "--sort", "next")[0] == "halfway" and names(daemon, "--sort", "next")[-1] == "refusing"
    assert names(daemon, "--sort", "engine") == ["ending", "refusing", "halfway", "young", "stalled", "ended"]
    assert names(daemon, "--severity", "warning") == ["stalled", "ending", "ended"]
    assert names(daemon, "--engine", "neptune") == ["halfway"]
    assert names(daemon, "end*", "y?ung") == ["young", "ending", "ended"]
    assert names(daemon, "--severity", "critical", "--sort", "name", "*ing") == ["ending"]
    assert daemon.ctl("status", "nobody").stdout.startswith("None of them is chosen by these options and patterns.\n")
    found = daemon.ctl("--json", "findings", "--severity", "critical", "end*")
    assert {(f["endpoint"], f["severity"]) for f in json.loads(found.stdout)["findings"]} == {("ending", "critical"), ("ended", "critical")}


@pytest.mark.parametrize("words, error", [
    (["--socket", "", "status"], "--socket: expected a path, such as /run/dbcertd/status.sock"),
    (["status", "--sort", "age"], "--sort age: expected name, severity, end, next or engine"),
    (["status", "--severity", "bad"], "--severity bad: expected ok, notice, unknown, warning or critical"),
    (["show", "young", "--sort", "name"], "--sort is for status and watch, not for show"),
    (["check", "--severity", "warning"], "--severity is for status, watch and findings, not for check"),
    (["watch", "--json"], "--json is not for watch"),
    (["status", "--file", "x"], "--file is for scan, not for status"),
    (["forecast", "--ics", "--json"], "--ics prints nothing else: leave --json out"),
    (["silence", "--end", "a/b"], "--end takes the id of a silence, as dbcertctl silence lists them"),
    (["qqqqqq"], 'unknown command "qqqqqq"'),
])
def test_a_wrong_option_is_told_with_what_would_be_right(daemon, words, error):
    done = daemon.ctl(*words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"dbcertctl: {error}. See dbcertctl --help.\n")


def test_show_is_a_page(daemon):
    page = daemon.ctl("show", "stalled").stdout
    parts = [page.index(part) for part in ("W  stalled  warning\n", "\n  server        [============|==>--------]    13", "\n  intermediate  [",
                                           "\n  root          [", "  warning  rotation-overdue  at 127.0.0.1", "\n    aws rds modify-db-instance",
                                           "\n  127.0.0.1  fetched\n", "\nServed\nADDRESS", "\nTo come\n  20")]
    assert parts == sorted(parts)
    assert "maintenance-window" in page and "certificate-ends" in page
    young = daemon.ctl("show", "young").stdout
    assert "half-life" in young[young.index("To come"):] and "stalled" not in young


def test_an_empty_fleet_and_a_daemon_that_is_not_there_are_a_sentence_each(scratch, binaries):
    daemon = Dbcertd(scratch, binaries, config(scratch.pki.bundle("rsa2048"), []))
    assert daemon.ctl("status").stdout.startswith(
        "Nothing is watched yet: add endpoints to /etc/dbcertd/dbcertd.conf, then systemctl reload dbcertd.\n")
    for words, sentence in ((["silence"], "Nothing is silenced.\n"), (["plan", "rds-ca-ecc384-g1"], "\nNo endpoint is watched.\n"),
                            (["rds"], "The RDS API is not asked (rds in dbcertd.conf(5)).\n")):
        done = daemon.ctl(*words)
        assert done.returncode == 0 and done.stdout.endswith(sentence), done.stdout
    daemon.stop()
    gone = daemon.ctl("status")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert gone.stderr == f"dbcertctl: {daemon.socket}: there is no such socket; is dbcertd running? (systemctl status dbcertd.socket)\n"


def dbcertctl(binaries, *words, prefix=(), catalogue=""):
    """Status, what was printed and what was complained of, where there is no daemon."""
    done = subprocess.run([*prefix, os.path.join(binaries, "dbcertctl"), *map(str, words)], capture_output=True, text=True,
                          env=dict(os.environ, DBCERTD_CATALOGUE=str(catalogue)))
    return done.returncode, done.stdout, done.stderr


def test_a_socket_that_does_not_answer_says_why(scratch, binaries):
    closed, dead = (os.path.join(scratch.directory, name) for name in ("closed", "dead.sock"))
    os.mkdir(closed, 0o700)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(dead)
    long, nowhere, within = "/" + "x" * 200, dead + "/x", closed + "/status.sock"

    def says(path, reason, prefix=()):
        assert dbcertctl(binaries, "--socket", path, "status", prefix=prefix) == (1, "", f"dbcertctl: {path}: {reason}\n")
    says(dead, "nobody listens there; is dbcertd running? (systemctl status dbcertd)")
    says(long, "the path is too long for a socket")
    says(nowhere, "Not a directory")
    if os.geteuid() == 0:
        shutil.chown(closed, "daemon")
        says(within, "permission denied; join the group dbcertd, or use sudo", ["setpriv", "--bounding-set=-dac_override,-dac_read_search"])


@pytest.mark.parametrize("words", [
    ["scan", "--file"],
    ["scan", "postgres://127.0.0.1", "--ca-file"],
    ["trust"],
    ["trust", "/dev/null", "--password-file"],
])
def test_a_file_that_is_not_there_is_named(binaries, tmp_path, words):
    missing = tmp_path / "missing"
    assert dbcertctl(binaries, *words, missing) == (2, "", f"dbcertctl: {missing}: No such file or directory\n")


def test_a_catalogue_that_was_asked_for_has_to_be_there(binaries, tmp_path):
    missing = tmp_path / "missing"
    assert dbcertctl(binaries, "scan", "postgres://127.0.0.1", catalogue=missing) == (2, "", f"dbcertctl: {missing}: No such file or directory\n")


def test_a_file_that_is_wrong_says_where(binaries, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("no such thing\n")
    assert dbcertctl(binaries, "scan") == (2, "", "dbcertctl: scan: no targets; expected ENGINE://HOST[:PORT]... or --file FILE\n")
    for place, options, catalogue in ((f"{wrong}: ", ["--ca-file", wrong], ""), (f"{wrong}:1: ", [], wrong)):
        status, printed, said = dbcertctl(binaries, "scan", *options, "postgres://127.0.0.1", catalogue=catalogue)
        assert (status, printed) == (2, "") and place in said


def test_each_command_has_a_help_of_its_own(binaries):
    def helped(*words):
        status, printed, said = dbcertctl(binaries, *words, "--help")
        assert (status, said) == (0, "")
        return printed
    commands = re.findall(r"^  ([a-z]+) ", helped(), re.M)
    assert len(commands) == 14
    for command in commands:
        lines = helped(command).split("\n")
        assert lines[0].startswith("dbcertctl ") and f" {command}" in lines[0] and len(max(lines, key=len)) <= 80
