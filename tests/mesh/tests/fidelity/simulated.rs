//! The same scenario on the deterministic mesh.

use std::collections::BTreeMap;

use helius_mesh::{End as Ended, Fields, Record, Scenario, play};

use crate::outcome::{End, Outcome, Seen, is_compared, is_counted, series};

/// What a scenario leaves open is decided by a seed; those here leave nothing open that anybody could see.
const SEEDS: u64 = 3;

/// Plays it; where something happened that must never happen, or might have come out differently, says what.
pub(crate) fn outcome(scenario: &Scenario) -> Result<Outcome, String> {
    let first = played(scenario, 0)?;
    for seed in 1..SEEDS {
        let differences = first.differences(&played(scenario, seed)?);
        if !differences.is_empty() {
            return Err(format!("  the scenario leaves too much open, see seeds 0 and {seed}: {differences:#?}"));
        }
    }
    Ok(first)
}

fn played(scenario: &Scenario, seed: u64) -> Result<Outcome, String> {
    let outcome = play(scenario, seed, true);
    if !outcome.wrong.is_empty() {
        return Err(format!("  {}\n  {}", outcome.wrong.join("\n  "), outcome.trace.join("\n  ")));
    }
    let is_counted = |name: &str| is_counted(name.rsplit(";.;").next().unwrap_or_default());
    let stats = outcome.stats.iter().filter(|(name, value)| *value > 0 && is_counted(name));
    Ok(Outcome {
        exchanges: outcome.records.iter().map(seen).collect(),
        stats: stats.map(|(name, value)| (read(name), *value)).collect(),
    })
}

fn seen(record: &Record) -> Seen {
    let end = match record.end {
        Some(Ended::Whole) => End::Whole,
        Some(Ended::Truncated) => End::Truncated,
        Some(Ended::Left) | None => return Seen::default(),
    };
    let Some(answer) = &record.answer else { return Seen { end, ..Seen::default() } };
    let mut headers = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in answer.headers.iter().filter(|(name, _)| is_compared(name)) {
        headers.entry(name.to_owned()).or_default().push(value.escape_ascii().to_string());
    }
    let trailers = answer.trailers.as_ref().map(texts).unwrap_or_default();
    Seen { end, status: answer.status(), headers, body: answer.body.clone(), trailers }
}

fn texts(fields: &Fields) -> BTreeMap<String, String> {
    fields.iter().map(|(name, value)| (name.to_owned(), value.escape_ascii().to_string())).collect()
}

/// A stat's name as the filter writes it, with its labels inside.
fn read(name: &str) -> String {
    let mut parts: Vec<&str> = name.split(";.;").collect();
    let name = parts.pop().unwrap_or_default();
    series(name, parts.iter().filter_map(|part| part.split_once("=.=")))
}
