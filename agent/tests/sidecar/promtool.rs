//! Prometheus' own judgement of a page.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

/// Has promtool look at it: the one that `$PROMTOOL` names, or the one on the path. Where there is none that is said
/// aloud, and is a failure only where one was named.
pub(crate) fn check(page: &str) {
    let named = std::env::var_os("PROMTOOL").filter(|name| !name.is_empty());
    let mut command = Command::new(named.clone().unwrap_or_else(|| "promtool".into()));
    let child = command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match child.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => {
            eprintln!("SKIPPED: there is no promtool on the path; name one in $PROMTOOL");
            return;
        }
        child => child.unwrap(),
    };
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.is_empty(), "{told}\n{page}");
}
