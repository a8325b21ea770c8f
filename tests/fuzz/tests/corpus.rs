//! Plays every committed input through its target: the corpus and former findings.
//!
//! A panic in the filter is one inside a C function, which ends the process at once and with it the test's own words.
//! So the input is named on standard error before it comes to that.

use std::cell::RefCell;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, io, panic};

use helius_fuzz::TARGETS;

thread_local! {
    /// What is being played.
    static INPUT: RefCell<PathBuf> = RefCell::default();
}

#[test]
fn every_committed_input_passes() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |why| {
        let input = INPUT.with_borrow(Clone::clone);
        drop(writeln!(io::stderr(), "the input {} is a finding: {why}", input.display()));
        tell(why);
    }));
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let inputs = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut played = 0;
        for input in inputs {
            let input = input.expect("the entry of a folder").path();
            INPUT.set(input.clone());
            target(&fs::read(&input).expect("an input can be read"));
            played += 1;
        }
        assert!(played > 0, "{} is empty", folder.display());
    }
}
