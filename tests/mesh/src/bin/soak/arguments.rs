//! What the operator of a soak may ask for.

/// How it is used.
pub(crate) const USAGE: &str = "\
Plays random incidents against dist/helius.wasm in a simulated Envoy, under simulated time.

usage: soak [--seeds N] [--from S]    play N incidents (1000), from seed S (0) on, on all cores
       soak --replay SEED             play one incident and print everything that happens in it

examples:
  cargo run --bin soak -- --seeds 100000
  cargo run --bin soak -- --seeds 1000 --from 5000000
  cargo run --bin soak -- --replay 4711

HELIUS_WASM names another module than dist/helius.wasm.";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Many { from: u64, seeds: u64 },
    Replay(u64),
}

/// Reads the arguments, without the program's name.
pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let (mut from, mut seeds, mut replay, mut is_many) = (0, 1000, None, false);
    while let Some(flag) = arguments.next() {
        let mut number = || -> Result<u64, String> {
            let value = arguments.next().ok_or(format!("{flag} needs a number"))?;
            value.parse().map_err(|_| format!("{flag} {value}: this is not a number"))
        };
        match flag.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--from" => (from, is_many) = (number()?, true),
            "--seeds" => (seeds, is_many) = (number()?, true),
            "--replay" => replay = Some(number()?),
            _ => return Err(format!("{flag} is unknown")),
        }
    }
    match replay {
        Some(_) if is_many => Err("--replay plays one seed, and goes with neither --seeds nor --from".to_owned()),
        Some(seed) => Ok(Command::Replay(seed)),
        None if seeds == 0 => Err("--seeds 0: there is nothing to play".to_owned()),
        None if from.checked_add(seeds).is_none() => Err(format!("--from {from}: there are not so many seeds")),
        None => Ok(Command::Many { from, seeds }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, parse};

    fn read(text: &str) -> Result<Command, String> {
        parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn good_arguments_are_understood() {
        assert_eq!(read(""), Ok(Command::Many { from: 0, seeds: 1000 }));
        assert_eq!(read("--seeds 5 --from 7"), Ok(Command::Many { from: 7, seeds: 5 }));
        assert_eq!(read("--replay 3"), Ok(Command::Replay(3)));
        assert_eq!(read("--help"), Ok(Command::Help));
    }

    #[test]
    fn bad_arguments_are_named() {
        let cases = [
            ("--seed 5", "--seed is unknown"),
            ("--seeds", "--seeds needs a number"),
            ("--seeds many", "--seeds many: this is not a number"),
            ("--seeds 0", "--seeds 0: there is nothing to play"),
            ("--replay 1 --from 2", "--replay plays one seed, and goes with neither --seeds nor --from"),
        ];
        for (arguments, message) in cases {
            assert_eq!(read(arguments), Err(message.to_owned()));
        }
    }
}
