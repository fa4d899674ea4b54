//! The process of `serve`: no core dump, no memory that another process of its user reads.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::command;

/// A user that is not root, which may read everything.
const NOBODY: u32 = 65534;

fn is_root(folder: &Path) -> bool {
    folder.metadata().unwrap().uid() == 0
}

/// Runs a command as a user that is not root.
fn unprivileged(mut command: Command, is_root: bool) -> Command {
    if is_root {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// What `cat` says of a process's memory. Whoever may open it gets no further than address 0.
fn read_memory(child: &Child, is_root: bool) -> String {
    let mut cat = Command::new("cat");
    cat.arg(format!("/proc/{}/mem", child.id())).env("LC_ALL", "C");
    let output = unprivileged(cat, is_root).output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_running_server_is_closed_to_its_own_user_and_leaves_no_core() {
    let folder = command::folder();
    let is_root = is_root(folder.path());
    // Where nobody may go, a copy of the program has to come along.
    let program = folder.path().join("agentcred-issuer");
    std::fs::copy(env!("CARGO_BIN_EXE_agentcred-issuer"), &program).unwrap();
    if is_root {
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        for entry in folder.path().read_dir().unwrap() {
            chown(entry.unwrap().path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    let mut serve = Command::new(&program);
    serve.args(["serve", "--config", "issuer.toml"]).current_dir(folder.path());
    serve.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = unprivileged(serve, is_root).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on"), "{line}");

    let proc = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", server.id()));
    let limits = proc("limits").unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"]);
    assert!(proc("status").unwrap().contains("NoNewPrivs:\t1"));
    let told = read_memory(&server, is_root);
    assert!(told.contains("Permission denied"), "{told}");

    // The control: the memory of another process of that user can be opened.
    let mut sleep = Command::new("sleep");
    sleep.arg("60");
    let mut sleep = unprivileged(sleep, is_root).spawn().unwrap();
    let told = read_memory(&sleep, is_root);
    sleep.kill().unwrap();
    sleep.wait().unwrap();
    assert!(told.contains("Input/output error"), "{told}");

    let killed = Command::new("kill").args(["-ABRT", &server.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = server.wait_with_output().unwrap();
    assert!(output.status.signal().is_some() && !output.status.core_dumped(), "{output:?}");
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("core dumps are off"), "{log}");
}
