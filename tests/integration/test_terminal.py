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
                                           "\n  root          [", "  warning  rotation-overdue  at 127.0.0.1", "    Do: aws rds modify-db-instance",
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


def test_a_socket_that_does_not_answer_says_why(scratch, binaries):
    closed, dead = (os.path.join(scratch.directory, name) for name in ("closed", "dead.sock"))
    os.mkdir(closed, 0o700)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(dead)
    long, nowhere = "/" + "x" * 200, dead + "/x"

    def said(path, *before):
        done = subprocess.run([*before, os.path.join(binaries, "dbcertctl"), "--socket", path, "status"], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (1, "")
        return done.stderr
    assert said(dead) == f"dbcertctl: {dead}: nobody listens there; is dbcertd running? (systemctl status dbcertd)\n"
    assert said(long) == f"dbcertctl: {long}: the path is too long for a socket\n"
    assert said(nowhere) == f"dbcertctl: {nowhere}: Not a directory\n"
    if os.geteuid() == 0:
        within, confined = closed + "/status.sock", ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
        shutil.chown(closed, "daemon")
        assert said(within, *confined) == f"dbcertctl: {within}: permission denied; join the group dbcertd, or use sudo\n"


@pytest.mark.parametrize("words, missing", [
    (["scan", "--file", "{}/targets"], "{}/targets"),
    (["scan", "--ca-file", "{}/bundle.pem", "postgres://127.0.0.1"], "{}/bundle.pem"),
    (["scan", "postgres://127.0.0.1"], "{}/catalogue.tsv"),
    (["trust", "{}/store.pem"], "{}/store.pem"),
    (["trust", "/dev/null", "--password-file", "{}/password"], "{}/password"),
])
def test_a_file_that_is_not_there_is_named(binaries, tmp_path, words, missing):
    command = [os.path.join(binaries, "dbcertctl"), *(word.format(tmp_path) for word in words)]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ, DBCERTD_CATALOGUE=str(tmp_path / "catalogue.tsv") if "catalogue" in missing else ""))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"dbcertctl: {missing.format(tmp_path)}: No such file or directory\n"


def test_a_file_that_is_wrong_says_where(binaries, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("no such thing\n")

    def said(*words):
        done = subprocess.run([os.path.join(binaries, "dbcertctl"), "scan", *words], capture_output=True, text=True,
                              env=dict(os.environ, DBCERTD_CATALOGUE=str(wrong) if "postgres://127.0.0.1" in words else ""))
        assert (done.returncode, done.stdout) == (2, "")
        return done.stderr
    assert said() == "dbcertctl: scan: no targets; expected ENGINE://HOST[:PORT]... or --file FILE\n"
    assert f"{wrong}: " in said("--ca-file", str(wrong), "postgres://127.0.0.2")
    assert f"{wrong}:1: " in said("postgres://127.0.0.1")


def test_each_command_has_a_help_of_its_own(binaries):
    def helped(*words):
        return subprocess.run([os.path.join(binaries, "dbcertctl"), *words, "--help"], capture_output=True, text=True, check=True).stdout
    commands = re.findall(r"^  ([a-z]+) ", helped(), re.M)
    assert len(commands) == 14
    for command in commands:
        first = helped(command).split("\n", 1)[0]
        assert first.startswith("dbcertctl ") and f" {command}" in first and len(max(helped(command).split("\n"), key=len)) <= 80
