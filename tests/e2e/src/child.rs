//! A child process that does not outlive this one.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Waits for the end of its input, which comes when the process that holds the other end is gone, however it went,
/// and then kills the process that it was given. It ignores the signals that a terminal sends to everybody.
const LEASH: &str = r#"trap "" INT TERM HUP; read -r line; kill -KILL "$1""#;

/// A process that is killed when this value is dropped, and also when the whole test run is killed before it could
/// drop anything.
///
/// The parent-death signal of Linux would need `unsafe` to be set, and is sent when the *thread* that started the
/// child ends; so a small shell holds a pipe to this process instead.
#[derive(Debug)]
pub(crate) struct LeashedChild {
    child: Child,
    leash: Option<Child>,
}

impl LeashedChild {
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = command.spawn()?;
        let mut this = Self { child, leash: None };
        this.leash = Some(leash(this.child.id())?);
        Ok(this)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process has not ended by itself.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the process has no usable id"))?;
        Ok(kill_process(pid, signal)?)
    }

    /// Kills the process and waits until it is gone, so that its ports are free.
    pub(crate) fn kill(&mut self) {
        // The leash first: once the child is reaped its id may belong to somebody else.
        if let Some(mut leash) = self.leash.take() {
            let _ = leash.kill();
            let _ = leash.wait();
        }
        // Failing means that the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for LeashedChild {
    fn drop(&mut self) {
        self.kill();
    }
}

fn leash(pid: u32) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", LEASH, "leash", &pid.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}
