//! The HTTP call of the filter's own.

use wasmtime::{Caller, Linker, Result};

use super::memory::{enter, leave, read, text, write_u32};
use crate::breakers::Told;
use crate::document::{AGENT, region_of};
use crate::fields::Fields;
use crate::host::abi::{Outcome, Status, decode};
use crate::host::thread::{Callout, Question, Thread};
use crate::host::vm::Host;
use crate::invariants::{ONE_ANSWER, VALID};
use crate::scenario::Behaviour;

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap("env", "proxy_http_call", http_call)?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "as the interface has it")]
fn http_call(
    mut caller: Caller<'_, Host>,
    cluster_at: u32,
    cluster_size: u32,
    headers_at: u32,
    headers_size: u32,
    body_at: u32,
    body_size: u32,
    _trailers_at: u32,
    _trailers_size: u32,
    timeout: u32,
    token_at: u32,
) -> Result<u32> {
    enter(&mut caller, "http_call")?;
    let cluster = text(&caller, cluster_at, cluster_size)?;
    let (headers, body) = (read(&caller, headers_at, headers_size)?, read(&caller, body_at, body_size)?);
    let mut given = Fields::default();
    let begun = decode(&headers).and_then(|headers| {
        given = headers.clone();
        begin(&caller, &cluster, headers, body, timeout)
    });
    let outcome = match begun {
        Ok(token) => Ok(write_u32(&mut caller, token_at, token)?),
        Err(status) => Err(status),
    };
    Ok(leave(&caller, "http_call", || format!("{cluster}, {given:?}, {body_size} bytes, {timeout} ms"), outcome))
}

fn begin(caller: &Caller<'_, Host>, cluster: &str, headers: Fields, body: Vec<u8>, timeout: u32) -> Outcome<u32> {
    let host = caller.data();
    let mut thread = host.thread.borrow_mut();
    let world = thread.world.clone();
    if cluster == AGENT {
        return ask_agent(&mut thread, host.effective, headers, timeout);
    }
    let region = region_of(cluster).ok_or(Status::BadArgument)?;
    if thread.roots.contains_key(&host.effective) {
        return begin_drill(&mut thread, host.effective, region, headers, body, timeout);
    }
    let stream = thread.stream(host.effective)?;
    let (exchange, root) = (stream.exchange, stream.root);
    if stream.on_wire || stream.is_logging {
        world.wrong(&ONE_ANSWER, format!("{cluster} is called though the client has been answered, or has left"));
    }
    let behaviour = world.behaviour(exchange, region);
    let refuse = || {
        // The filter asks for it all the same, and hears at once that it has come to nothing.
        world.let_in(exchange, region, Some(timeout), true);
        world.tell(exchange, region, Told::Failure);
        world.record(exchange, |record| record.refused.push((region, "no_healthy_upstream")));
    };
    // Envoy asks for these, and only for these.
    let is_complete = [":method", ":path", ":authority"].iter().all(|name| headers.first(name).is_some());
    if behaviour == Behaviour::UnknownCluster || !is_complete {
        if !is_complete {
            world.wrong(&VALID, format!("a call to {cluster} lacks pseudo-headers: {headers:?}"));
        }
        refuse();
        return Err(Status::BadArgument);
    }
    // A full circuit breaker is no host that has room.
    if matches!(behaviour, Behaviour::NoHosts | Behaviour::Overflow) {
        refuse();
        return Err(Status::InternalFailure);
    }
    let token = thread.next_token;
    thread.next_token += 4;
    let stream = host.effective;
    let door = world.let_in(exchange, region, Some(timeout), true);
    let (timeout_ms, is_drill) = (timeout, false);
    thread.begun.push(Callout { token, root, stream, exchange, region, headers, body, timeout_ms, is_drill, door });
    Ok(token)
}

/// A question to the agent belongs to a root context.
fn ask_agent(thread: &mut Thread, root: u32, headers: Fields, timeout_ms: u32) -> Outcome<u32> {
    let is_complete = [":method", ":path", ":authority"].iter().all(|name| headers.first(name).is_some());
    if !thread.roots.contains_key(&root) || !is_complete {
        thread.world.wrong(&VALID, format!("the agent is asked {headers:?} for context {root}"));
        return Err(Status::BadArgument);
    }
    let token = thread.next_token;
    thread.next_token += 4;
    thread.asked.push(Question { token, root, headers, timeout_ms });
    Ok(token)
}

/// The call of a drill belongs to no stream any more: whose it is the request says.
fn begin_drill(
    thread: &mut Thread,
    root: u32,
    region: usize,
    headers: Fields,
    body: Vec<u8>,
    timeout_ms: u32,
) -> Outcome<u32> {
    let world = thread.world.clone();
    let Some(exchange) = world.drilled(&headers, region) else { return Err(Status::BadArgument) };
    let refused = match world.behaviour(exchange, region) {
        Behaviour::UnknownCluster => Some(Status::BadArgument),
        Behaviour::NoHosts | Behaviour::Overflow => Some(Status::InternalFailure),
        _ => None,
    };
    let (token, stream, door) = (thread.next_token, 0, None);
    let callout = Callout { token, root, stream, exchange, region, headers, body, timeout_ms, is_drill: true, door };
    if let Some(status) = refused {
        world.refuse_drill(&callout);
        return Err(status);
    }
    thread.next_token += 4;
    thread.begun.push(callout);
    Ok(token)
}
