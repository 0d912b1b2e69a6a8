"""
Runs every remedy in bash and dash, in an empty folder, with stubs in the place of all programs (TAP).

The program `remedies` writes each step twice, with a harmless text and with a hostile one in its place. The words
that a step with the hostile text runs have to be those of the harmless one, with the one text in place of the
other; nothing else may run, and no file may be made but the copy beside a trust store.
"""
import os
import subprocess
import sys
import tempfile
import unicodedata

PROGRAMS = ("aws dbcertctl curl keytool systemctl getent openssl psql mysql apt-get timedatectl sqlite3 dmesg df ls namei "
            "setfacl cp mv rm nc awk xargs touch tee cat id sh").split()
SHORT = 4  # a text that may be part of a command by chance
INTENDED = set(PROGRAMS) - {"touch", "tee", "cat", "id", "sh"}
SHELLS = {"bash": ["/bin/bash", "--norc", "--noprofile", "-u"], "dash": ["/bin/dash", "-u"]}


class Case:
    def __init__(self, title, harmless, hostile, steps, script):
        self.field = title.split(": ")[1]
        self.title, self.harmless, self.hostile, self.steps, self.script = title, harmless, hostile, steps, script

    def __str__(self):
        return f"{self.title} = {self.hostile!r}:\n{self.script.decode(errors='replace')}"


def read_cases(data):
    fields = iter(data.split(b"\0")[:-1])
    for title in fields:
        harmless, hostile, n = next(fields), next(fields), int(next(fields))
        steps = [(next(fields), next(fields)) for _ in range(n)]
        yield Case(title.decode(), harmless, hostile, steps, next(fields))


class Harness:
    """A folder with the programs' stubs, and one that is empty, in which scripts are run."""

    def __init__(self, stub, shell):
        self.words, self.keep = SHELLS[shell], tempfile.TemporaryDirectory()
        self.programs, self.scratch, self.scripts = (os.path.join(self.keep.name, name) for name in ("bin", "scratch", "scripts"))
        self.log = os.path.join(self.keep.name, "log")
        for folder in (self.programs, self.scratch, self.scripts):
            os.mkdir(folder)
        for program in PROGRAMS:
            os.symlink(os.path.abspath(stub), os.path.join(self.programs, program))

    def close(self):
        self.keep.cleanup()

    def run(self, commands):
        """The words that each of these scripts ran, as sorted lists, and what the shell had to say of all."""
        for i, command in enumerate(commands):
            with open(os.path.join(self.scripts, str(i)), "wb") as file:
                file.write(command.replace(b"@SCRATCH@", self.scratch.encode()) + b"\n")
        driver = "command_not_found_handle() { echo \"not found: $*\" >&2; }\n" if self.words[0].endswith("bash") else ""
        driver += f"i=0; while [ $i -lt {len(commands)} ]; do STUB_LOG={self.log}-$i; export STUB_LOG; ( . {self.scripts}/$i ); i=$((i+1)); done"
        done = subprocess.run([*self.words, "-c", driver], cwd=self.scratch, env={"PATH": self.programs}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=250)
        return [self.read_log(i) for i in range(len(commands))], (done.stdout + done.stderr).decode(errors="replace")

    def read_log(self, i):
        path = f"{self.log}-{i}"
        if not os.path.exists(path):
            return []
        with open(path, "rb") as file:
            words = iter(file.read().split(b"\0")[:-1])
        os.unlink(path)
        return sorted([next(words).replace(self.scratch.encode(), b"@SCRATCH@") for _ in range(int(n))] for n in words)

    def files(self):
        """What was made in the empty folder since it was asked last."""
        found = {os.path.join(folder, name) for folder, _, names in os.walk(os.fsencode(self.scratch)) for name in names}
        for path in found:
            os.unlink(path)
        return {os.path.relpath(path, os.fsencode(self.scratch)) for path in found}


def refusable(text):
    """Whether no command needs to carry this: it has what is not shown, or looks like an option."""
    try:
        return text.startswith(b"-") or any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in text.decode())
    except UnicodeDecodeError:
        return True


def has_control(text):
    return any(byte < 32 or byte == 127 for byte in text)


def check_text(case):
    """What can be said of a script without running it."""
    lines, commands = case.script.split(b"\n"), [hostile for _, hostile in case.steps if hostile]
    assert len(lines) == len(case.steps) + len(commands), f"a step is one comment and at most one line: {case}"
    assert [line for line in lines if not line.startswith(b"# ")] == commands, f"a line is no comment and no command: {case}"
    assert not any(has_control(line) for line in lines), f"a control character: {case}"
    assert any(harmless for harmless, _ in case.steps), f"nothing to run: {case}"
    if not any(case.harmless in harmless for harmless, _ in case.steps) and len(case.hostile) > SHORT:
        assert not any(case.hostile in command for command in commands), f"a text that is no value: {case}"
    assert case.field != "issuer" or case.hostile not in case.script, f"a certificate's text: {case}"
    for harmless, hostile in case.steps:
        assert hostile or not harmless or (case.harmless in harmless and refusable(case.hostile)), f"a command is missing: {case}"


def expected(case, words):
    """The words that the script has to run: those of the harmless steps, with the hostile text in place."""
    runs = [run for harmless, hostile in case.steps if hostile for run in words[harmless]]
    return sorted([word.replace(case.harmless, case.hostile) for word in run] for run in runs)


def each_step_once(cases):
    """Scripts that together have every step with every hostile text."""
    seen, chosen = set(), []
    for case in cases:
        new = {hostile for _, hostile in case.steps} - seen
        if new:
            chosen.append(case)
            seen |= new
    return chosen


def check_runs(cases, shell, stub):
    harness = Harness(stub, shell)
    harmless = sorted({step for case in cases for step, _ in case.steps if step})
    ran, said = harness.run(harmless)
    assert not said, f"{shell} complains of harmless steps: {said}"
    words = dict(zip(harmless, ran))
    for step in harmless:
        assert words[step] and all(run[0].decode() in INTENDED for run in words[step]), f"{shell}: {step!r} ran {words[step]}"
    harness.files()
    cases = each_step_once(cases)
    ran, said = harness.run([case.script for case in cases])
    for case, runs in zip(cases, ran):
        assert runs == expected(case, words), f"{shell} ran {runs}\nand not {expected(case, words)}\nfor {case}"
    assert not said, f"{shell} complains: {said[:2000]}"
    stray = {name for name in harness.files() if not name.endswith(b".pem.new")}
    assert not stray, f"{shell} made {stray}"
    harness.close()


def check_syntax(cases):
    for start in range(0, len(cases), 200):
        text = b"\n".join(b"if true; then\n" + case.script + b"\n:\nfi" for case in cases[start:start + 200])
        for shell in SHELLS.values():
            done = subprocess.run([shell[0], "-n"], input=text, capture_output=True)
            assert done.returncode == 0 and not done.stderr, f"{shell[0]} -n: {done.stderr}"


def check_harness(stub):
    """A command that was put together carelessly is found out."""
    for value in (b"$(touch pwned)", b"`touch pwned`", b"; touch pwned", b"*", b"a b", b"$HOME", b"> pwned"):
        run = b"aws rds describe-db-instances --db-instance-identifier " + value
        case = Case("careless: identifier", b"Xq7Token", value, [(b"aws rds describe-db-instances --db-instance-identifier Xq7Token", run)],
                    b"# Look (aws)\n" + run)
        for shell in SHELLS:
            found = False
            try:
                check_runs([case], shell, stub)
            except AssertionError:
                found = True
            # A glob that matches nothing stays as it is: only a folder with files shows it.
            assert found or value == b"*", f"{shell} ran a careless {value!r}, and nobody saw it"


def main(program, stub):
    data = subprocess.run([program], stdout=subprocess.PIPE, check=True).stdout
    everything = list(read_cases(data))
    cases = list({(case.script, case.hostile, tuple(case.steps)): case for case in everything}.values())
    tests = [("every step is one comment and at most one command", lambda: [check_text(case) for case in cases]),
             ("every script is correct syntax for bash and dash", lambda: check_syntax(cases)),
             ("in bash nothing runs but the words intended", lambda: check_runs(cases, "bash", stub)),
             ("in dash nothing runs but the words intended", lambda: check_runs(cases, "dash", stub)),
             ("a command that was put together carelessly is found out", lambda: check_harness(stub))]
    print(f"1..{len(tests)}\n# {len(everything)} remedies, {len(cases)} different ones")
    for number, (sentence, check) in enumerate(tests, 1):
        try:
            check()
            print(f"ok {number} - {sentence}")
        except AssertionError as error:
            print("".join(f"# {line}\n" for line in str(error)[:4000].split("\n")), end="")
            print(f"not ok {number} - {sentence}")


if __name__ == "__main__":
    main(*sys.argv[1:])
