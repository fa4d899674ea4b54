//! What the process of `serve` gives up before it holds a secret: core dumps, debuggers, new
//! privileges.

use crate::Failure;

/// Hardens this process, and everything that it starts, for good. It must run before there is a
/// second thread.
///
/// # Errors
/// When the system does not let it. Nothing should be served then.
#[cfg(target_os = "linux")]
pub(crate) fn harden() -> Result<(), Failure> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none)
        .map_err(|error| format!("core dumps cannot be turned off: {error}"))?;
    // Nobody but root may read the memory now, and no debugger of the same user attaches.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| format!("the memory cannot be closed to other processes: {error}"))?;
    rustix::thread::set_no_new_privs(true)
        .map_err(|error| format!("new privileges cannot be given up: {error}"))?;
    tracing::info!("core dumps are off, memory is closed to others, no new privileges");
    Ok(())
}

/// Elsewhere there is nothing that could be done without unsafe code.
#[cfg(not(target_os = "linux"))]
pub(crate) fn harden() -> Result<(), Failure> {
    tracing::warn!("this system's processes are not hardened; run the issuer on Linux");
    Ok(())
}

/// Lets the process open as many files as it may: each connection takes up to two.
#[cfg(unix)]
pub(crate) fn allow_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit on open files cannot be raised");
    }
}

#[cfg(not(unix))]
pub(crate) fn allow_open_files() {}
