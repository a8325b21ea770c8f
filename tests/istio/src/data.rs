//! What Istio has published, on the machines that check this project; it is not a part of it.

use std::fs;
use std::io::{Write, stderr};

use crate::root;

/// A file of it; nothing on other machines, which is said aloud. In CI it has to be there.
///
/// # Panics
///
/// Where `CI` is `true` and the file is not there.
pub fn published(name: &str) -> Option<Vec<u8>> {
    let path = root().join("../shared/data/istio").join(name);
    match fs::read(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            let is_ci = std::env::var("CI").is_ok_and(|it| it == "true");
            assert!(!is_ci, "Istio's {name} is not at {}: {error}", path.display());
            skipped(&format!("Istio's {name} is not at {}: {error}", path.display()));
            None
        }
    }
}

/// Says that something was not tested, past the test harness, which shows what a test prints only where it fails.
pub fn skipped(why: &str) {
    // Whoever has closed the standard error does not want to know.
    drop(stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()));
}
