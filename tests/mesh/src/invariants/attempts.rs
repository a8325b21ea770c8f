//! What the regions got.

use super::{Invariant, ensure};
use crate::fields::Fields;
use crate::record::Record;
use crate::scenario::Scenario;

pub(super) const ONCE: Invariant =
    Invariant { name: "once", sentence: "no region is asked twice, nor out of its turn", check: once };

pub(super) const DEADLINE: Invariant = Invariant {
    name: "deadline",
    sentence: "no attempt may last longer than its region's timeout, nor past the ladder's deadline",
    check: deadline,
};

pub(super) const REPLAYABLE: Invariant = Invariant {
    name: "replayable",
    sentence: "a request is sent to another region only whole, and a second time only where its route allows it",
    check: replayable,
};

pub(super) const IDENTICAL: Invariant = Invariant {
    name: "identical",
    sentence: "what a region receives is, byte for byte, what the client sent, but that nobody is told of compressed \
               answers on a route that judges them",
    check: identical,
};

fn once(_: &Scenario, record: &Record) -> Result<(), String> {
    let turns: Vec<_> = record.asked.iter().map(|asked| asked.region).collect();
    ensure(turns.windows(2).all(|pair| pair[0] < pair[1]), || format!("asked: {turns:?}"))?;
    let twice = record.refused.iter().any(|(region, _)| turns.contains(region));
    ensure(!twice, || format!("asked: {turns:?}, refused: {:?}", record.refused))
}

fn deadline(_: &Scenario, record: &Record) -> Result<(), String> {
    let Some((began, route)) = record.began.zip(record.route()).filter(|_| !record.is_shadow()) else {
        return ensure(record.asked.iter().all(|asked| asked.timeout.is_none()), || {
            "an attempt is timed on a route that is not protected".into()
        });
    };
    for asked in &record.asked {
        let Some(timeout) = asked.timeout else { return Err("the primary's attempt is not timed".into()) };
        let timeout = u64::from(timeout);
        let most = route.regions.get(asked.region).map_or(0, |region| region.timeout);
        // By the clock that the filter can see: where it steps back, the ladder gets longer.
        let passed = asked.at.1.saturating_sub(record.started().unwrap_or(began.1));
        let ends = if asked.is_called { timeout * 1000 + passed } else { 0 };
        ensure(timeout > 0 && timeout <= most && ends <= route.timeout * 1000, || {
            format!("region {} gets {timeout} ms, {} ms after the start", asked.region, passed / 1000)
        })?;
    }
    Ok(())
}

fn replayable(_: &Scenario, record: &Record) -> Result<(), String> {
    let Some(route) = record.route() else { return Ok(()) };
    let method = record.headers.text(":method");
    let is_kept = record.body.len() <= route.max_body && record.is_text();
    let mut called = record.asked.iter().filter(|asked| asked.is_called);
    let is_whole = called.all(|asked| is_kept && asked.client_was_done);
    ensure(is_whole && (is_kept || record.refused.is_empty()), || {
        format!("{method} with {} bytes was sent to another region", record.body.len())
    })?;
    // Whoever is the first to get it, gets it for the first time.
    ensure(record.tried() < 2 || route.replay_methods.contains(&method), || format!("{method} was sent again"))
}

fn identical(_: &Scenario, record: &Record) -> Result<(), String> {
    for asked in &record.asked {
        let is_body = if asked.is_whole { asked.body == record.body } else { record.body.starts_with(&asked.body) };
        ensure(is_body, || format!("region {} got {} bytes of {}", asked.region, asked.body.len(), record.body.len()))?;
        let expected = if asked.is_called { expected_of_call(record, asked.region) } else { expected_of_all(record) };
        ensure(same(&asked.headers, &expected), || {
            format!("region {} got {:?}, and not {expected:?}", asked.region, asked.headers)
        })?;
    }
    Ok(())
}

/// What is sent on of the client's headers.
fn expected_of_all(record: &Record) -> Fields {
    let mut expected = record.headers.clone();
    // A compressed answer cannot be judged.
    if record.route().is_some_and(|route| route.output.is_some()) && !record.is_shadow() {
        expected.retain(|name| name != "accept-encoding");
    }
    expected
}

/// The same where the filter calls the region.
pub(super) fn expected_of_call(record: &Record, region: usize) -> Fields {
    let mut expected = expected_of_all(record);
    expected.retain(|name| !belongs_to_the_connection(name));
    let region = record.route().and_then(|route| route.regions[1..].get(region.checked_sub(1)?));
    if let Some(authority) = region.and_then(|region| region.authority.as_ref()) {
        expected.set(":authority", authority);
    }
    expected
}

fn same(one: &Fields, other: &Fields) -> bool {
    one.iter().eq(other.iter())
}

/// RFC 9110, section 7.6.1, what frames a body, and what steers Envoy's routers.
fn belongs_to_the_connection(name: &str) -> bool {
    let framing = ["content-length", "transfer-encoding", "te", "trailer", "expect", "upgrade"];
    let hops = ["connection", "keep-alive", "proxy-connection", "proxy-authenticate"];
    framing.contains(&name) || hops.contains(&name) || name.starts_with("x-envoy-")
}
