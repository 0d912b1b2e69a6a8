"""What the sources must agree on among themselves."""

import glob
import json
import os
import re
import shutil
import subprocess

import pytest

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
DAEMON = os.path.join(ROOT, "daemon")
CLANG_FORMAT = "clang-format-19"  # versions differ, and this one is in both Debian 12 and 13

# What these must not know: a verdict depends on its arguments alone.
PURE = {"config", "rds", "engine", "rules", "alert", "schedule", "model"}
EFFECTS = {"base/clock.h", "base/log.h", "base/file.h", "systemd/", "gnutls/", "curl/", "ares.h", "microhttpd.h", "unistd.h", "fcntl.h"}


def read(path):
    with open(os.path.join(ROOT, path)) as f:
        return f.read()


def sources():
    return sorted(glob.glob(DAEMON + "/**/*.[ch]", recursive=True))


def includes(path):
    for line in open(path):
        match = re.match(r'#include ["<]([^">]+)[">]', line)
        if match:
            yield match.group(1)


def folder(path):
    name = os.path.relpath(path, DAEMON)
    return name.split("/")[0] if "/" in name else "main"


def edges():
    """Folder to the folders that it may include, as daemon/meson.build links them; `main` and `ctl` are programs."""
    text = read("daemon/meson.build")
    rows = re.findall(r"^  \['(\w+)', \[.*?\],\s+\[(.*?)\], \[.*?\]\],$", text, re.M | re.S)
    found = {name: set(re.findall(r"'(\w+)'", used)) for name, used in rows}
    for program, name in (("main", "dbcertd"), ("ctl", "dbcertctl")):
        call = re.search(rf"^{name} = executable\((.*?)install: true", text, re.M | re.S).group(1)
        found[program] = set(re.findall(r"parts\['(\w+)'\]", call))
    return {"base": set(), **found}


def test_no_include_goes_up_or_sideways():
    """What a folder includes is base, itself, or what meson links it with."""
    allowed = edges()
    assert set(os.listdir(DAEMON)) - {"main.c", "meson.build", "embed"} == set(allowed) - {"main"}
    wrong = []
    for path in sources():
        here = folder(path)
        for include in includes(path):
            there = include.split("/")[0]
            if there in allowed and "/" in include and there not in allowed[here] | {here, "base", *(["model"] if here == "main" else [])}:
                wrong.append(f"{os.path.relpath(path, ROOT)} includes {include}")
    assert not wrong


def symbols(objects):
    """File without its folder, name and kind of each symbol, by nm(1)."""
    for line in subprocess.run(["nm", "-A", "-P", *objects], capture_output=True, text=True, check=True).stdout.splitlines():
        path, symbol = line.split(": ", 1)
        yield os.path.basename(path)[:-len(".c.o")].split("_", 1)[-1], *symbol.split()[:2]


def calls(objects):
    """File to the files of the same folder whose symbols it uses."""
    defined, used = {}, {}
    for file, name, kind in symbols(objects):
        if kind == "U":
            used.setdefault(file, set()).add(name)
        elif kind.isupper():
            defined[name] = file
    return {file: {defined[name] for name in names if name in defined} - {file} for file, names in used.items()}


def circle(graph):
    """The nodes that can be reached from themselves."""
    def reached(start):
        found, todo = set(), [start]
        while todo:
            new = graph.get(todo.pop(), set()) - found
            found |= new
            todo += new
        return found
    return {node for node in graph if node in reached(node)}


@pytest.mark.skipif(not shutil.which("nm"), reason="nm is not installed")
def test_no_function_is_defined_twice(binaries):
    """The linker takes a program's own for that of a library without a word."""
    objects = [path for path in glob.glob(os.path.join(binaries, "*.p/*.o")) if not path.endswith("main.c.o")]
    names = [name for _, name, kind in symbols(objects) if kind in "TDBR"]
    assert len(names) > 500 and not sorted({name for name in names if names.count(name) > 1})


@pytest.mark.skipif(not shutil.which("nm"), reason="nm is not installed")
@pytest.mark.parametrize("room", sorted(set(edges()) - {"main"}))
def test_files_of_a_folder_call_each_other_in_no_circle(binaries, room):
    objects = glob.glob(os.path.join(binaries, "dbcertctl.p/ctl_*.o" if room == "ctl" else f"lib{room}.a.p/*.o"))
    assert objects and circle(calls(objects)) == set()


def test_an_include_of_another_folder_names_it():
    wrong = [f"{path}: {i}" for path in sources() for i in includes(path)
             if i.endswith(".h") and "/" not in i and os.path.exists(os.path.join(os.path.dirname(path), i))]
    assert not wrong


def test_verdicts_see_no_clock_no_log_and_no_library_with_effects():
    wrong = [f"{os.path.relpath(path, ROOT)} includes {i}" for path in sources() if folder(path) in PURE
             for i in includes(path) if any(i.startswith(effect) for effect in EFFECTS)]
    assert not wrong


def test_gnutls_is_seen_by_pki_and_the_session_alone():
    seen = {os.path.relpath(path, DAEMON) for path in sources() if any(i.startswith("gnutls/") for i in includes(path))}
    assert {s for s in seen if not s.startswith("pki/")} == {"probe/session.c"}


def finding_table():
    """FINDING_X: its word and MESSAGE_ID."""
    rows = re.findall(r'^    \[(FINDING_\w+)\] = \{\s+"([a-z-]+)", "([0-9a-f]{32})"', read("daemon/model/finding-table.c"), re.M)
    return {name: (word, message_id) for name, word, message_id in rows}


def finding_ids():
    return {name: word for name, (word, _) in finding_table().items()}


def message_ids():
    return [i for _, i in finding_table().values()] + re.findall(r'"([0-9a-f]{32})"', read("daemon/sink/journal.c"))


def test_every_message_has_its_entry_in_the_catalog_and_the_other_way_round():
    catalog = re.findall(r"^-- ([0-9a-f]{32})$", read("systemd/dbcertd.catalog"), re.M)
    assert sorted(catalog) == sorted(message_ids())
    assert len(set(catalog)) == len(catalog)


def test_every_catalog_entry_names_what_it_is_and_what_to_do():
    findings = {message_id for _, message_id in finding_table().values()}
    for entry in read("systemd/dbcertd.catalog").split("\n-- ")[1:]:
        head, body = entry.split("\n\n", 1)
        page = "dbcertd-findings(7)" if entry[:32] in findings else "dbcert"
        assert re.search(r"^Subject: .+", head, re.M) and "Defined-By: dbcertd" in head and f"Documentation: man:{page}" in head
        assert len(body.strip()) > 60, head


def test_the_catalog_uses_only_fields_that_are_written():
    written = set(re.findall(r'"(DBCERTD_[A-Z_]+)"', read("daemon/sink/journal.c")))
    assert set(re.findall(r"@(DBCERTD_[A-Z_]+)@", read("systemd/dbcertd.catalog"))) <= written


def listed(binaries, what):
    out = subprocess.run([os.path.join(binaries, "dbcertd"), what], capture_output=True, text=True, check=True).stdout
    return [line.split("\t") for line in out.splitlines()]


def test_the_rules_give_no_severity_that_the_manual_does_not_have(binaries):
    documented = {word: severities.split(", ") for word, _, severities, *_ in listed(binaries, "--list-findings")}
    words = finding_ids()
    assert len(words) == len(documented) >= 45
    given = []
    for path in glob.glob(DAEMON + "/rules/*.c"):
        text = open(path).read()
        given += re.findall(r"(FINDING_\w+),\s*([^;]*?SEVERITY_[^;]*?)(?:;|\},)", text)
    assert len(given) > 30
    wrong = [(words[name], severity) for name, rest in given for severity in re.findall(r"SEVERITY_(\w+)", rest)
             if severity.lower() not in documented[words[name]]]
    assert not wrong


def test_every_finding_is_in_the_guide_for_operators():
    guide = read("docs/operate.md")
    assert not [word for word in finding_ids().values() if f"`{word}`" not in guide]


def test_every_finding_has_its_texts():
    of_trust = {name for name in finding_ids() if name.startswith(("FINDING_TRUST_STORE_", "FINDING_BUNDLE_"))}
    of_rds = {"FINDING_DISCOVERY_FAILING", "FINDING_INSTANCE_UNWATCHED"}
    own = {"FINDING_CLOCK_UNSYNCHRONISED", "FINDING_STATE_DAMAGED", "FINDING_STATE_UNWRITABLE"}
    events = {"FINDING_ROTATED", "FINDING_ROTATED_EARLY", "FINDING_ROTATED_BACK", "FINDING_CA_CHANGED"}
    for path in ("daemon/rules/message.c", "daemon/rules/remedy.c"):
        texts = read(path)
        assert {name for name in finding_ids() if re.search(rf"\[{name}\] = \w+,", texts)} == set(finding_ids()) - of_trust - of_rds - own - events
    assert set(re.findall(r", (FINDING_\w+),", read("daemon/rules/rule-trust.c"))) == of_trust
    assert set(re.findall(r"return (FINDING_\w+);", read("daemon/rules/event.c"))) == events
    assert set(re.findall(r", (FINDING_\w+),", read("daemon/rules/rule-daemon.c"))) == own
    assert set(re.findall(r", (FINDING_\w+),", read("daemon/rules/rule-rds.c"))) == of_rds


def test_command_is_built_of_literals_and_values_alone():
    """Nothing but model/step.h's macros, which take literals alone, puts text into a command without quoting it."""
    raw = re.compile(r"step_append_(?:words|literal)\(|->run = ")
    assert not [path for path in sources() if not path.endswith(("model/step.c", "model/step.h")) and raw.search(open(path).read())]


PAGES = ["dbcertd.8", "dbcertctl.1", "dbcertd.conf.5", "dbcertd-findings.7"]


@pytest.fixture
def pages(binaries):
    """The manual as it is installed: name to roff, with the hyphens of scdoc before 1.11.5."""
    folder = os.path.join(os.path.dirname(binaries), "docs")
    if not os.path.exists(os.path.join(folder, PAGES[0])):
        pytest.skip("built without scdoc")
    return {page: open(os.path.join(folder, page)).read().replace("\\-", "-") for page in PAGES}


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not installed")
@pytest.mark.parametrize("page", PAGES)
def test_the_manual_is_clean(binaries, pages, page):
    """Beside what scdoc does: 1.11.3 begins paragraphs that have nothing in them, 1.11.5 escapes the hyphens of dates."""
    done = subprocess.run(["mandoc", "-T", "lint", os.path.join(os.path.dirname(binaries), "docs", page)], capture_output=True, text=True)
    of_scdoc = re.compile(r"WARNING: (skipping paragraph macro: PP|cannot parse date, using it verbatim: TH)")
    assert not done.stderr and not [line for line in done.stdout.splitlines() if not of_scdoc.search(line)]


def test_every_key_and_every_finding_is_in_the_manual(binaries, pages):
    manual = pages["dbcertd.conf.5"].replace("\\&", "").replace("\\_", "_")
    for name, kind, default, value, *_ in listed(binaries, "--list-keys"):
        heading = name.rstrip("[]").replace("_", " ").upper()
        inner = name.startswith("endpoints[].thresholds.")
        assert (f".SH {heading}\n" if kind != "key" and "." not in name else
                f"\\fB{name.split('.')[-1]}\\fR" if inner else
                f"\\fB{name}\\fR" + (f" = {value}\n" if default != "-" else "\n")) in manual, name
    for word, _, severities, *_ in listed(binaries, "--list-findings"):
        assert f"\\fB{word}\\fR ({severities})\n" in pages["dbcertd-findings.7"], word


def check_configuration(binaries, path):
    return subprocess.run([os.path.join(binaries, "dbcertd"), "--check-config", "--config", str(path)], capture_output=True,
                          text=True, env={k: v for k, v in os.environ.items() if k != "CREDENTIALS_DIRECTORY"})


def test_the_example_has_every_key_with_its_default_and_is_right_also_uncommented(binaries, tmp_path):
    """To make it anew: docs/generate example build/daemon/dbcertd >conf/dbcertd.conf"""
    text = read("conf/dbcertd.conf")
    made = subprocess.run([os.path.join(ROOT, "docs/generate"), "example", os.path.join(binaries, "dbcertd")], capture_output=True,
                          text=True, check=True).stdout
    assert text == made
    path = tmp_path / "dbcertd.conf"
    path.write_text(re.sub(r"^#(?! \S)(?=.)", "", text, flags=re.M))
    uncommented = path.read_text()
    names = {name.split(".")[-1] for name, kind, *_ in listed(binaries, "--list-keys") if kind == "key"}
    assert names == set(re.findall(r"^ *(\w+) = [^{(\n]*;$", uncommented, re.M))
    done = check_configuration(binaries, path)
    assert done.returncode == 0, done.stderr
    assert "1 endpoints" in done.stdout


@pytest.mark.parametrize("path", sorted(glob.glob(ROOT + "/conf/examples/*.conf")), ids=os.path.basename)
def test_the_short_examples_are_right(binaries, path):
    done = check_configuration(binaries, path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", ["daemon/model/engine.h", "conf/completion.bash", "conf/completion.zsh", "docs/dbcertctl.1.scd",
                                  "docs/engines.md"])
def test_every_engine_is_named_where_engines_are_listed(path):
    engines = re.findall(r'^    \{ "([a-z0-9-]+)", FAMILY_', read("daemon/model/engine.c"), re.M)
    assert len(engines) >= 14
    assert not [engine for engine in engines if not re.search(rf"(?<![a-z-]){engine}(?![a-z])", read(path))]


def test_the_ports_in_the_guide_are_the_engines(binaries):
    """And each engine has its row."""
    table = {}
    for names, port in re.findall(r"^\| (`[^|]*) \| ([^|]+) \|", read("docs/engines.md"), re.M):
        table.update({name: port for name in re.findall(r"`([a-z0-9-]+?)(?:-EDITION)?`", names)})
    for name, port in re.findall(r'^    \{ "([a-z0-9-]+)", FAMILY_\w+, (\d+)', read("daemon/model/engine.c"), re.M):
        assert table[name] == (port if port != "0" else "has to be given"), name


def test_the_policy_allows_what_is_asked_and_nothing_else():
    asked = set(re.findall(r'"(Describe\w+)",$', read("daemon/rds/api.c"), re.M))
    policy = json.loads(read("docs/iam-policy.json"))["Statement"]
    assert len(asked) == 7 and {a for s in policy for a in s["Action"]} == {"rds:" + a for a in asked}
    assert not [action for action in asked if action not in read("docs/rds.md")]


def test_the_guides_configurations_are_right(binaries, tmp_path):
    blocks = [b for guide in ("engines", "rds") for b in re.findall(r"^```\n(.*?)^```", read(f"docs/{guide}.md"), re.M | re.S)]
    assert len(blocks) >= 4
    for i, block in enumerate(blocks):
        path = tmp_path / f"{i}.conf"
        path.write_text(block)
        done = check_configuration(binaries, path)
        assert done.returncode == 0, done.stderr


def run(binaries, *command):
    return subprocess.run([os.path.join(binaries, command[0]), *command[1:]], capture_output=True, text=True)


def options_of(program):
    return re.findall(r'\{ "([a-z-]+)", (?:no|required)_argument', read(program))


def commands():
    return re.findall(r'^\s+\{ "([a-z]+)", \d, \w+, ', read("daemon/ctl/main.c"), re.M) + ["scan"]


def test_help_and_manual_name_the_same_options(binaries):
    assert len(commands()) == 14
    help_of = {"dbcertd": [run(binaries, "dbcertd", "--help").stdout],
               "dbcertctl": [run(binaries, "dbcertctl", *command, "--help").stdout for command in [[]] + [[c] for c in commands()]]}
    for program, source, manual in (("dbcertd", "daemon/main.c", "docs/dbcertd.8.scd"),
                                    ("dbcertctl", "daemon/ctl/options.c", "docs/dbcertctl.1.scd")):
        assert options_of(source)
        text = "\n".join(help_of[program])
        assert not [o for o in options_of(source) if f"--{o}" not in text or f"--{o}" not in read(manual)]
        assert set(re.findall(r"--([a-z-]+)", text)) <= set(options_of(source))
    for command, text in zip(commands(), help_of["dbcertctl"][1:]):
        assert text.startswith("dbcertctl") and command in text.splitlines()[0]
        assert re.search(rf"^  {command}\b", help_of["dbcertctl"][0], re.M)


def test_help_fits_a_screen(binaries):
    for program in (["dbcertd"], ["dbcertctl"], *(["dbcertctl", command] for command in commands())):
        lines = run(binaries, *program, "--help").stdout.splitlines()
        assert 2 <= len(lines) <= 24 and max(map(len, lines)) <= 80, program


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_offers_every_command_option_and_engine(shell):
    completion = read(f"conf/completion.{shell}")
    options = options_of("daemon/main.c") + options_of("daemon/ctl/options.c")
    assert len(options) > 20 and not [o for o in options if not re.search(rf"--{o}\b", completion)]
    listed = re.search(r'commands="([^"]*)"' if shell == "bash" else r"commands=\((.*?)\n    \)", completion, re.S).group(1)
    assert not [c for c in commands() if not re.search(rf"(?<![\w-]){c}(?![\w-])", listed)]
    if shutil.which(shell):
        subprocess.run([shell, "-n", os.path.join(ROOT, f"conf/completion.{shell}")], check=True)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_the_unit_is_confined(binaries):
    """--threshold is in tenths."""
    unit = os.path.join(os.path.dirname(binaries), "systemd/dbcertd.service")
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=11", unit], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-400:]


def test_paths_of_the_unit_are_below_its_root():
    """Without a + systemd takes them for the host's and drops them, and each mount is noexec by its own name alone."""
    unit = {}
    for key, value in re.findall(r"^(\w+Paths)=(.*)", read("systemd/dbcertd.service.in"), re.M):
        unit.setdefault(key, []).extend(value.split())
    bound = unit.pop("BindReadOnlyPaths")
    assert len(bound) > 10
    assert set(unit) == {"ReadOnlyPaths", "InaccessiblePaths", "NoExecPaths", "ExecPaths"}
    assert not [path for paths in unit.values() for path in paths if not re.match(r"-?\+[/%@]", path)]
    assert not set(unit["ExecPaths"]) & set(unit["NoExecPaths"])
    assert {path.lstrip("-").split(":")[0] for path in bound} - {path.lstrip("-+") for path in unit["NoExecPaths"]} == {"/lib64"}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_has_nothing_to_say_of_the_units(binaries, tmp_path):
    with open(os.path.join(os.path.dirname(binaries), "systemd/dbcertd.service")) as f:
        (tmp_path / "dbcertd.service").write_text(re.sub(r"(?<==)\S*/dbcertd(?= |$)", os.path.join(binaries, "dbcertd"), f.read(), flags=re.M))
    shutil.copy(os.path.join(ROOT, "systemd/dbcertd.socket"), tmp_path)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / "dbcertd.service", tmp_path / "dbcertd.socket"],
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not shutil.which(CLANG_FORMAT), reason=f"{CLANG_FORMAT} is not installed")
def test_the_sources_are_formatted():
    files = sources() + glob.glob(ROOT + "/tests/**/*.[ch]", recursive=True)
    done = subprocess.run([CLANG_FORMAT, "--dry-run", "-Werror", *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:2000]


def test_files_and_functions_stay_small():
    """Over 500 lines in a file, or 60 in a function, want a reason."""
    tables = {"daemon/ctl/options.c:set", "daemon/main.c:parse_arguments"}  # one case per option
    long = [os.path.relpath(p, ROOT) for p in sources() if len(open(p).readlines()) > 500]
    for path in sources():
        name, start = None, 0
        for number, line in enumerate(open(path)):
            match = re.match(r"(?:static )?[a-zA-Z_][\w *]*?(\w+)\(.*[^;]$", line)
            if match and not line.startswith((" ", "#")):
                name = match.group(1)
            if line == "{\n":
                start = number
            if line == "}\n" and name and number - start > 60 and f"{os.path.relpath(path, ROOT)}:{name}" not in tables:
                long.append(f"{os.path.relpath(path, ROOT)}:{name} ({number - start} lines)")
    assert not long


@pytest.mark.parametrize("program", ["dbcertd", "dbcertctl"])
def test_binary_is_hardened(binaries, program):
    """Position-independent, all relocations bound at start and read-only, and buffers checked by glibc where it can."""
    path = os.path.join(binaries, program)
    header, dynamic, segments = (subprocess.run(["readelf", "-W", option, path], capture_output=True, text=True, check=True).stdout for option in ("-h", "-d", "-l"))
    assert "DYN (Position-Independent Executable file)" in header
    assert "BIND_NOW" in dynamic and "GNU_RELRO" in segments
    if not os.environ.get("DBCERTD_SANITIZED"):  # those check them themselves
        symbols = subprocess.run(["readelf", "-W", "--dyn-syms", path], capture_output=True, text=True, check=True).stdout
        assert re.search(r"__\w+_chk@", symbols)


def test_the_version_is_the_same_wherever_it_is_written():
    version = re.search(r"version: '([\d.]+)'", read("meson.build")).group(1)
    assert re.search(r"^## ([\d.]+), \d", read("NEWS.md"), re.M).group(1) == version
    assert re.match(r"dbcertd \(([\d.]+)\)", read("conf/debian/changelog")).group(1) == version
    assert re.search(r"^Version: +([\d.]+)$", read("conf/rpm/dbcertd.spec"), re.M).group(1) == version
    assert set(re.findall(r"dbcertd[_-](\d[\d.]*\d)", read("docs/install.md"))) == {version}


def test_the_rpm_is_built_with_the_distribution_s_flags():
    """As the %meson macro does: without them meson sees none."""
    assert "%{?set_build_flags}" in read("conf/rpm/dbcertd.spec").split("%build")[1].split("meson setup")[0]


def test_packages_are_built_with_what_the_build_needs():
    """The spec names each library with the version of meson.build; Debian's, systemd-dev among them, are in tests/install, too."""
    needed = dict(re.findall(r"dependency\('([\w-]+)', version: '>=([\d.]+)'\)", read("meson.build")))
    assert len(needed) == 9
    spec = dict(re.findall(r"^BuildRequires: +pkgconfig\((\w+)\) >= ([\d.]+)$", read("conf/rpm/dbcertd.spec"), re.M))
    assert spec == needed
    debian = set(re.findall(r"^ ([a-z0-9-]+-dev)\b", read("conf/debian/control"), re.M))
    assert len(debian) == 9 + 1 and not [package for package in debian if package not in read("tests/install")]
    assert not [f"{name} {version}" for name, version in needed.items() if version not in read("docs/install.md")]


def test_each_row_of_the_readme_s_table_names_tests_that_exist():
    rows = re.findall(r"^\| (?!\|)[^|]+ \| ([^|]+) \|$", read("README.md"), re.M)
    tests = "".join(open(path).read() for path in glob.glob(ROOT + "/tests/**/*", recursive=True) if path.endswith((".py", ".c")) or "system/scenario" in path)
    assert len(rows) >= 12
    for row in rows:
        names = re.findall(r"`([^`]+)`", row)
        assert names and not [n for n in names if not re.search(rf'def {re.escape(n)}\(|TEST\({re.escape(n)}\)|"{re.escape(n)}"', tests)], row


def test_every_guide_is_installed_and_found_from_the_readme_or_another_one():
    guides = {os.path.basename(path) for path in glob.glob(ROOT + "/docs/*.md")}
    everything = read("README.md") + "".join(read(f"docs/{guide}") for guide in guides)
    assert not [guide for guide in guides if guide not in read("docs/meson.build") or everything.count(guide) < 1]


def test_the_top_level_stays_tidy():
    files = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True).stdout.split()
    top = {f.split("/")[0] for f in files if not f.startswith(".")}
    assert top <= {"daemon", "conf", "systemd", "tests", "docs", "meson.build", "README.md", "LICENSE", "NEWS.md"}


def test_the_project_speaks_of_itself_alone():
    """No paths of the machine it was written on; the licence is the only text in capitals."""
    files = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True).stdout.split()
    wrong = [f for f in files if os.path.isfile(os.path.join(ROOT, f)) and f != "tests/lint/test_lint.py" and
             re.search(r"(^|[\s\"'=(])/(home|root|work)/", open(os.path.join(ROOT, f), errors="replace").read())]
    assert not wrong


def test_security_claims_name_tests_that_exist():
    """A claim of docs/security.md whose test is gone, or was renamed, is found out."""
    known = set()
    for path in glob.glob(ROOT + "/tests/**/*.py", recursive=True):
        known |= set(re.findall(r"^ *def (test_\w+)", open(path).read(), re.M))
    for path in glob.glob(ROOT + "/tests/**/*.c", recursive=True):
        known |= set(re.findall(r"^TEST\((\w+)\)", open(path).read(), re.M))
    text = read("docs/security.md")
    named = set(re.findall(r"`(\w+_\w+_\w+_\w+)`", text))  # no key of the configuration has as many words
    assert len(named) > 50 and not sorted(named - known)
    sentences = re.findall(r'the system suite,\s+"([^"]+)"', text)
    assert sentences and all(sentence in read("tests/system/scenario") for sentence in sentences)


def test_every_integration_file_is_run():
    """A file that tests/meson.build does not name would be run by nobody."""
    lists = "".join(re.findall(r"^(?:side_by_side|alone) = \[.*?\]", read("tests/meson.build"), re.M | re.S))
    files = [os.path.basename(p)[len("test_"):-len(".py")] for p in glob.glob(ROOT + "/tests/integration/test_*.py")]
    assert sorted(re.findall(r"'(\w+)'", lists)) == sorted(files)
