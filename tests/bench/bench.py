"""What the benchmarks share: a network of their own, servers for a whole fleet, and what a process has cost."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [TESTS, os.path.join(TESTS, "standins")]
from lab import Dbcertd, Process, ZONE, config, run, wait_until  # noqa: E402

CLIENT, SERVER = "0", "1"  # cores
RUNS = 5
INTERVAL = 10  # seconds, of a daemon's rounds


def alone():
    """Goes on in a network namespace of its own, where every address of 127.0.0.0/8 and every port is ours; whoever is not pinned to
    the client's core is on the servers'."""
    if os.environ.get("DBCERTD_BENCH_ALONE"):
        run("ip", "link", "set", "lo", "up")
        if os.cpu_count() > 1:
            os.sched_setaffinity(0, {int(SERVER)})
        return
    words = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    os.execvpe(words[0], [*words, sys.executable, *sys.argv], dict(os.environ, DBCERTD_BENCH_ALONE="1"))


def pinned():
    return ["taskset", "-c", CLIENT] if os.cpu_count() > 1 else []


def tool(name):
    return os.path.join(os.environ.get("DBCERTD_BENCH_TOOLS", os.path.join(os.path.dirname(__file__), "../../build/tests")), name)


def status(pid, key):
    """A figure of /proc/PID/status, as it is there: kB or a count."""
    with open(f"/proc/{pid}/status") as f:
        return int(next(line for line in f if line.startswith(key + ":")).split()[1])


def cpu(pid):
    """Seconds of CPU, user and system, of all its threads; in nanoseconds, since ticks are too coarse for who is idle."""
    return sum(int(open(f"/proc/{pid}/task/{task}/schedstat").read().split()[0]) for task in os.listdir(f"/proc/{pid}/task")) / 1e9


def quantile(text, name, q):
    """Upper bound in milliseconds of a histogram's bucket in which that part of all is, in Prometheus's text."""
    buckets = [(float(line.split('le="')[1].split('"')[0]), float(line.rsplit(" ", 1)[1]))
               for line in text.splitlines() if line.startswith(name + "_bucket")]
    return next(bound for bound, n in buckets if n >= q * buckets[-1][1]) * 1000


class Web(Process):
    """nginx on every loopback address: for each kind of chain a port with one certificate, or with one for each name."""

    def __init__(self, lab, ports, tls="TLSv1.2 TLSv1.3"):
        """ports: port -> (chain, key); a chain may hold $ssl_server_name."""
        where = os.path.join(lab.directory, f"nginx-{min(ports)}")
        servers = "".join(f"server {{ listen {port} ssl backlog=4096; ssl_certificate {chain}; ssl_certificate_key {key}; }}\n"
                          for port, (chain, key) in ports.items())
        with open(where + ".conf", "w") as f:
            f.write(f"""worker_processes 1; pid {where}.pid; error_log {where}.error crit; daemon off; user root;
                events {{ worker_connections 4096; }}
                http {{ access_log off; client_body_temp_path {where}.b; proxy_temp_path {where}.p; fastcgi_temp_path {where}.f;
                uwsgi_temp_path {where}.u; scgi_temp_path {where}.s; ssl_protocols {tls}; ssl_session_cache off; {servers} }}""")
        super().__init__(["nginx", "-e", "stderr", "-c", where + ".conf"], where + ".log")
        lab.push(self)
        wait_until(lambda: "nginx: " + self.output(), lambda: os.path.exists(where + ".pid"))
        time.sleep(0.3)


def certificates(lab, count, kind="rsa2048"):
    """A directory with so many chains, db-0.ZONE.pem and so on, issued by that kind of authority."""
    directory = os.path.join(lab.directory, f"many-{kind}")
    os.makedirs(directory)
    _, sub, sub_key, _ = lab.pki.authority(kind)
    run(tool("bench-certificates"), sub, sub_key, lab.pki.server_key, directory, ZONE, str(count))
    return directory


def timed(command, must=False):
    """Seconds, CPU seconds, and output of a command and its children; peak kB of the largest of them. One that must go well
    ends the benchmark where it does not."""
    with tempfile.NamedTemporaryFile("r") as peak:  # a child of this process seems to have had what this one has
        begin = time.monotonic()
        process = subprocess.Popen(["time", "-f", "%M", "-o", peak.name, *command], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                   stderr=None if must else subprocess.DEVNULL)
        out = process.stdout.read()
        _, code, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(code)
        if must and process.returncode:
            raise SystemExit(f"{command}: exit status {process.returncode}: {out.decode()}")
        return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, int(peak.read().split()[-1]), out


def figures(daemon):
    """Probes and CPU seconds until now."""
    text = timed(["curl", "-sS", "--unix-socket", daemon.socket, "http://localhost/metrics"])[3].decode()
    return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith("dbcertd_probe_duration_seconds_count")), cpu(daemon.process.pid)


def daemon(lab, binaries, name, bundle, entries, at_once, words, env=None):
    """A measure: a daemon's first round and its later ones, by these words."""
    def measure():
        text = config(bundle, entries, f'interval = "{INTERVAL}s"; concurrency = {at_once};')
        one = Dbcertd(lab, binaries, text, name=name, prefix=pinned(), env=env, wait=False)
        wait_until("it answers", one.answers, 30)
        wait_until("all are probed", lambda: one.get("/v1/status")["severities"]["unknown"] == 0 or time.sleep(0.2), 300)
        before = figures(one)
        time.sleep(INTERVAL + 2)
        after = figures(one)
        peak = status(one.process.pid, "VmHWM") / 1024
        one.stop()
        shutil.rmtree(one.state)
        return [(words[0], (before[1] / before[0] * 1000, None, peak)),
                (words[1], ((after[1] - before[1]) / (after[0] - before[0]) * 1000, None, peak))]
    return measure


def command(who, words, n, must=False):
    """A measure: a command that sees to n servers, and its children; the peak is that of the largest process."""
    def measure():
        seconds, spent, peak, _ = timed([*pinned(), *words], must)
        return [(who, (spent / n * 1000, n / seconds, peak / 1024))]
    return measure


def compare(title, measures):
    """Each measure once, and then each again, so that a slow minute is everybody's; the first is what the others are compared with,
    in its own round. Prints a table of medians. A measure returns (who, (CPU milliseconds each, each second or None, peak MB))s."""
    seen = {}
    for _ in range(RUNS):
        for measure in measures:
            for who, sample in measure():
                seen.setdefault(who, []).append(sample)
    least = [sample[0] for sample in next(iter(seen.values()))]
    rows = []
    for who, runs in seen.items():
        spent, speeds, peaks = zip(*runs)
        ratio = statistics.median(one / other for one, other in zip(spent, least))
        rows.append([who, f"{statistics.median(spent):.2f}", f"{ratio:.2f}", f"{statistics.median(speeds):.0f}" if speeds[0] else "",
                     f"{statistics.median(peaks):.0f}"])
    table(title, ["who", "CPU each, ms", "of the floor", "each second", "peak MB"], rows)


def table(title, head, rows):
    cells = [head] + [[str(c) for c in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    print("\n" + title)
    for n, row in enumerate(cells):
        print("| " + " | ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))) + " |")
        if n == 0:
            print("|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|")
    sys.stdout.flush()
