//! Plays many incidents, or replays one.

mod arguments;
mod many;
mod replay;

use std::process::ExitCode;

use arguments::{Command, USAGE, parse};

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)) {
        Ok(Command::Help) => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Ok(Command::Many { from, seeds }) => many::play_all(from, seeds),
        Ok(Command::Replay(seed)) => replay::replay(seed),
        Err(why) => {
            eprintln!("{why}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}
