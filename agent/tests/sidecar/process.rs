//! The process under test, gone after it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long anything may take here that normally takes milliseconds.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A command that runs the sidecar on ports of the kernel's choice, and knows nothing of the environment of the test.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_helius-agent"));
    command.arg("sidecar").args(arguments);
    for flag in ["listen", "metrics-listen"] {
        if !arguments.contains(&format!("--{flag}").as_str()) {
            command.arg(format!("--{flag}")).arg("127.0.0.1:0");
        }
    }
    command.env_clear().stdin(Stdio::null());
    command
}

/// A running sidecar. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Sidecar {
    child: Child,
    log: mpsc::Receiver<String>,
    /// Where its API listens, as it says itself.
    pub(crate) api: String,
    /// Where its metrics are.
    pub(crate) metrics: String,
}

impl Sidecar {
    /// Starts it and waits until it says that it is ready.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::spawn(&mut command(arguments))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = lines(child.stderr.take().unwrap());
        let mut this = Self { child, log, api: String::new(), metrics: String::new() };
        let ready = this.logged("ready");
        let address = |which: &str| ready[which].as_str().unwrap().to_owned();
        (this.api, this.metrics) = (address("api"), address("metrics"));
        this
    }

    /// Waits for the line of the log with this message.
    pub(crate) fn logged(&self, message: &str) -> Value {
        let until = Instant::now() + SOON;
        let mut seen = Vec::new();
        while let Ok(line) = self.log.recv_timeout(until.saturating_duration_since(Instant::now())) {
            let event: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
            if event["message"] == message {
                return event;
            }
            seen.push(line);
        }
        panic!("the log never says {message:?}: {seen:#?}");
    }

    pub(crate) fn api_addr(&self) -> SocketAddr {
        self.api.parse().unwrap()
    }

    pub(crate) fn metrics_addr(&self) -> SocketAddr {
        self.metrics.parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + SOON;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end");
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stderr: ChildStderr) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr.take(1 << 20)).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
