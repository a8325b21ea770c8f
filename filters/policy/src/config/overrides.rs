//! A document of overrides: what operators have switched, as the agent hands it to the filter and as a file says it.

use std::time::{Duration, UNIX_EPOCH};

use super::document::Node;
use super::problem::Problems;
use super::section::{Cursor, Section};
use super::{ConfigError, scalar};
use crate::overrides::{Change, Forced, LEAST_SCALE, LONGEST, LONGEST_AUTHOR, LONGEST_REASON, MOST, Override};
use crate::time::Timestamp;

/// How much further than [`LONGEST`] an end may lie: the reader's clock need not be the writer's.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

const LIST: &str = "write a list such as [{ override: static, route: assist, until: 2026-01-31T12:00:00Z, reason: \
                    \"garbage since the rollout\", author: ana }]";

/// Reads a document whose `overrides` is the list.
pub(crate) fn read(document: &Node, now: Timestamp) -> Result<Vec<Override>, ConfigError> {
    let mut problems = Problems::default();
    let overrides = all(&mut Cursor::root(document, &mut problems), now);
    problems.sort();
    match overrides {
        Some(overrides) if problems.is_empty() => Ok(overrides),
        _ => Err(ConfigError::Invalid(problems)),
    }
}

fn all(at: &mut Cursor<'_, '_>, now: Timestamp) -> Option<Vec<Override>> {
    let mut section = at.section("write a map with overrides, a list")?;
    let overrides = section.required("overrides", LIST, |at| {
        let overrides = at.list(LIST, |at| one(at, now))?;
        if overrides.len() > MOST {
            return at.refuse(format!("has more than {MOST} entries"), "remove those that are no longer needed");
        }
        Some(overrides)
    });
    section.close();
    overrides
}

/// What an entry can be, before its other keys are known.
#[derive(Clone, Copy)]
enum Word {
    Static,
    Breaker,
    RateLimit,
    Isolate,
    Drain,
    Shadow,
}

const WORDS: [(&str, Word); 6] = [
    ("static", Word::Static),
    ("breaker", Word::Breaker),
    ("rate_limit", Word::RateLimit),
    ("isolate", Word::Isolate),
    ("drain", Word::Drain),
    ("shadow", Word::Shadow),
];

fn one(at: &mut Cursor<'_, '_>, now: Timestamp) -> Option<Override> {
    let mut section = at.section("write a section such as { override: drain, region: us-east-1 }")?;
    let word = section
        .required("override", "write what is to change, such as static", |at| scalar::word(at, "an override", &WORDS));
    let service = section.optional("service", scalar::name);
    let route = section.optional("route", scalar::name);
    let change = word.and_then(|word| change(&mut section, word));
    let until = section.required("until", UNTIL, |at| until(at, now));
    let reason = section.required("reason", "write why, such as \"garbage since the rollout\"", |at| {
        line(at, LONGEST_REASON, "a reason")
    });
    let author =
        section.required("author", "write who made it, such as ana", |at| line(at, LONGEST_AUTHOR, "an author"));
    // Which other keys there are nobody can tell without it.
    if word.is_some() {
        section.close();
    }
    Some(Override {
        change: change?,
        service: service?,
        route: route?,
        until: until?,
        reason: reason?,
        author: author?,
    })
}

fn change(section: &mut Section<'_, '_>, word: Word) -> Option<Change> {
    const REGION: &str = "write the region's name, such as us-east-1";
    Some(match word {
        Word::Static => Change::Static,
        Word::Shadow => Change::Shadow,
        Word::Breaker => {
            let region = section.optional("region", scalar::name);
            let state = section.required("state", "write open, closed or off", |at| {
                scalar::word(at, "where a breaker can stand", &Forced::ALL)
            });
            Change::Breaker { region: region?, state: state? }
        }
        Word::RateLimit => {
            let scale = section.required("scale", "write the share that is left of the limits, such as 0.5", |at| {
                scalar::share(at, LEAST_SCALE)
            });
            Change::RateLimit { scale: scale? }
        }
        Word::Isolate => Change::Isolate { region: section.required("region", REGION, scalar::name)? },
        Word::Drain => Change::Drain { region: section.required("region", REGION, scalar::name)? },
    })
}

const UNTIL: &str = "write when it ends, such as 2026-01-31T12:00:00Z";

/// A moment as RFC 3339 writes it in UTC, at most a day from now.
fn until(at: &mut Cursor<'_, '_>, now: Timestamp) -> Option<Timestamp> {
    let text = at.text(UNTIL)?;
    let moment = humantime::parse_rfc3339(text).ok().and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    let Some(moment) = moment.map(Timestamp::from_epoch) else {
        return at.refuse("is not a moment in UTC", UNTIL);
    };
    if moment.since(now) > LONGEST.saturating_add(CLOCK_SLACK) {
        return at.refuse(
            "is more than 24 hours from now",
            "write an earlier end; what lasts longer belongs into the document",
        );
    }
    Some(moment)
}

/// A text that fits into a line of a log.
fn line(at: &mut Cursor<'_, '_>, most: usize, what: &str) -> Option<String> {
    let hint = format!("write one line of text, at most {most} bytes long");
    let text = at.text(&hint)?;
    if text.trim().is_empty() || text.len() > most || text.chars().any(char::is_control) {
        return at.refuse(format!("is not {what}"), hint);
    }
    Some(text.to_owned())
}
