//! A PostgreSQL server of a test's own: its files are in the target folder and go with the test.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// A running server. It stops when it is dropped.
pub(crate) struct Cluster {
    folder: PathBuf,
    pub(crate) port: u16,
}

/// What a server is stopped with.
#[derive(Clone, Copy)]
pub(crate) enum Stop {
    /// In order.
    Fast,
    /// As a crash would.
    Immediate,
}

impl Cluster {
    /// Makes a server and starts it.
    pub(crate) fn start() -> Self {
        let cluster = Self::at_a_place();
        std::fs::write(cluster.folder.join("password"), PASSWORD).unwrap();
        let password = format!("--pwfile={}", cluster.folder.join("password").display());
        done(
            cluster
                .tool("initdb")
                .args(["--no-sync", "-A", "scram-sha-256", "-U", "postgres", &password, "-D"])
                .arg(cluster.files()),
        );
        cluster.resume();
        cluster.sql("postgres", &format!("CREATE ROLE agentcred LOGIN PASSWORD '{PASSWORD}'"));
        cluster
    }

    /// Makes a server that follows this one, and starts it.
    pub(crate) fn standby(&self) -> Self {
        let standby = Self::at_a_place();
        done(self.copying().arg("--write-recovery-conf").arg("-D").arg(standby.files()));
        standby.resume();
        standby
    }

    /// A folder and a port, for a server that has no files yet.
    fn at_a_place() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        // The tests of several crates run one.
        let mut parents = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let root = parents.find(|folder| folder.join("scripts/services").is_file()).unwrap();
        let folder = root.join("target/postgres").join(format!("{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        give_to_server(&folder);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { folder, port }
    }

    /// Makes an empty database that the issuers own.
    pub(crate) fn create(&self, database: &str) {
        self.sql("postgres", &format!("CREATE DATABASE {database} OWNER agentcred"));
    }

    /// Runs SQL as the owner of the server, and gives what `psql` prints.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let file = self.folder.join("statements.sql");
        std::fs::write(&file, sql).unwrap();
        let mut psql = self.client("psql");
        psql.args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-d", database, "-f"]).arg(&file);
        let output = done(&mut psql);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Runs a client program, as `psql` or `pg_dump`, as the owner of the server.
    pub(crate) fn client(&self, name: &str) -> Command {
        let mut command = Command::new(binaries().join(name));
        command
            .env("PGPASSWORD", PASSWORD)
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "postgres");
        command
    }

    /// Stops the server.
    pub(crate) fn stop(&self, how: Stop) {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        done(self.tool("pg_ctl").args(["stop", "-w", "-m", mode, "-D"]).arg(self.files()));
    }

    /// Starts the server that was stopped.
    pub(crate) fn resume(&self) {
        let options =
            format!("-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''", self.port);
        let log = self.folder.join("log");
        done(
            self.tool("pg_ctl")
                .args(["start", "-w", "-o", &options, "-l"])
                .arg(log)
                .arg("-D")
                .arg(self.files()),
        );
    }

    /// Copies the files of the running server, as a backup does.
    pub(crate) fn copy_files(&self, to: &Path) {
        done(self.copying().arg("-D").arg(to));
    }

    fn copying(&self) -> Command {
        let mut copying = self.tool("pg_basebackup");
        let port = self.port.to_string();
        copying.env("PGPASSWORD", PASSWORD);
        copying.args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-c", "fast"]);
        copying
    }

    /// Makes a standby a server of its own.
    pub(crate) fn promote(&self) {
        done(self.tool("pg_ctl").args(["promote", "-w", "-D"]).arg(self.files()));
    }

    /// Gives the server a certificate, and lets issuers in with TLS alone.
    pub(crate) fn demand_tls(&self, certificate: &str, key: &str) {
        let access = "hostssl all agentcred 127.0.0.1/32 scram-sha-256\n\
                      host    all postgres  127.0.0.1/32 scram-sha-256\n";
        for (name, text) in
            [("server.crt", certificate), ("server.key", key), ("pg_hba.conf", access)]
        {
            let file = self.files().join(name);
            std::fs::write(&file, text).unwrap();
            done(Command::new("chmod").arg("600").arg(&file));
            give_to_server(&file);
        }
        self.sql("postgres", "ALTER SYSTEM SET ssl = on");
        self.stop(Stop::Fast);
        self.resume();
    }

    /// Stops the server, and starts it on files that were copied before.
    pub(crate) fn put_back(&self, copy: &Path) {
        self.stop(Stop::Fast);
        done(Command::new("rm").arg("-r").arg(self.files()));
        done(Command::new("mv").arg(copy).arg(self.files()));
        self.resume();
    }

    /// Makes every row say that it was written by whoever writes it now, in this epoch: what the
    /// fence looks at is gone.
    pub(crate) fn take_the_fence_away(&self, database: &str) {
        self.sql(
            database,
            "UPDATE agentcred.epoch
                SET incarnation = agentcred.incarnation(), written_by = pg_current_xact_id();
             UPDATE agentcred.tasks SET written_by = pg_current_xact_id();
             UPDATE agentcred.nonces SET written_by = pg_current_xact_id();",
        );
    }

    /// The folder with all of the server's files.
    pub(crate) fn files(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The `[ledger]` of an issuer's configuration. Its secrets lie beside the configuration.
    pub(crate) fn ledger(&self, database: &str) -> String {
        format!(
            r#"
[ledger]
kind     = "postgres"
host     = "127.0.0.1"
port     = {}
database = "{database}"
user     = "agentcred"
password = "file:db.password"
key      = "file:ledger.key"
"#,
            self.port
        )
    }

    /// A program that works on the server's files, run by whom they belong to.
    pub(crate) fn tool(&self, name: &str) -> Command {
        let program = binaries().join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&self.folder);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stopped = self
            .tool("pg_ctl")
            .args(["stop", "-w", "-m", "immediate", "-D"])
            .arg(self.files())
            .output();
        if stopped.is_ok() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Runs a command that must succeed.
pub(crate) fn done(command: &mut Command) -> Output {
    // Into files: a server that outlives `pg_ctl` keeps its output open.
    let (mut stdout, mut stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let status = command
        .stdout(stdout.try_clone().unwrap())
        .stderr(stderr.try_clone().unwrap())
        .status()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; is PostgreSQL installed?"));
    let (stdout, stderr) = (read(&mut stdout), read(&mut stderr));
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    Output { status, stdout, stderr }
}

fn read(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

fn give_to_server(path: &Path) {
    if is_root() {
        done(Command::new("chown").args(["-R", "postgres"]).arg(path));
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// Where the newest PostgreSQL of this machine is.
fn binaries() -> PathBuf {
    let mut found: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.map(|version| version.unwrap().path().join("bin")).collect())
        .unwrap_or_default();
    found.sort();
    found.pop().unwrap_or_default()
}

/// Of the server's owner and of the issuers alike: nobody but the test can reach it.
pub(crate) const PASSWORD: &str = "password-of-a-test";
