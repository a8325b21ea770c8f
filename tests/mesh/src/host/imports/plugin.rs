//! Host calls about the plugin as a whole: log, time, ticks, properties, shared data, metrics.

use wasmtime::{Caller, Linker, Result};

use super::memory::{enter, give, leave, read, text, write, write_u32};
use crate::document::CLUSTER_OF_ROUTE;
use crate::host::abi::{LOG_INFO, LOG_WARN, Outcome, Status};
use crate::host::vm::Host;
use crate::invariants::{LIVING, NOT_REFUSED};

/// What may be counted when the stream is gone.
const AFTER_A_STREAM: [&str; 3] =
    ["helius_drill_total", "request_latency_seconds_bucket", "helius_latency_microseconds_total"];

/// Stands in the key of the agent's document.
const OVERRIDES: &[u8] = b"/overrides/";

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap("env", "proxy_log", log)?;
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", now)?;
    linker.func_wrap("env", "proxy_set_tick_period_milliseconds", set_tick)?;
    linker.func_wrap("env", "proxy_get_property", get_property)?;
    linker.func_wrap("env", "proxy_get_shared_data", get_shared)?;
    linker.func_wrap("env", "proxy_set_shared_data", set_shared)?;
    linker.func_wrap("env", "proxy_define_metric", define_metric)?;
    linker.func_wrap("env", "proxy_increment_metric", increment_metric)?;
    linker.func_wrap("env", "proxy_record_metric", record_metric)?;
    Ok(())
}

fn log(mut caller: Caller<'_, Host>, level: u32, at: u32, size: u32) -> Result<u32> {
    enter(&mut caller, "log")?;
    let line = text(&caller, at, size)?;
    {
        let thread = caller.data().thread.borrow();
        // What an operator has to mend is told as loudly by design; that Envoy refuses what the filter wants is not.
        let is_to_mend =
            line.starts_with("the configuration is refused") || line.contains("raise the timeout of the route");
        let is_about_agent = line.contains("the agent tells nothing") && thread.world.agent.borrow().was_unwell;
        let is_expected = level <= LOG_INFO || is_to_mend || is_about_agent;
        if !is_expected && level >= LOG_WARN {
            thread.world.wrong(&NOT_REFUSED, format!("the filter complains: {line}"));
        }
    }
    Ok(leave(&caller, "log", || format!("{level}, {line:?}"), Ok(())))
}

fn now(mut caller: Caller<'_, Host>, at: u32) -> Result<u32> {
    enter(&mut caller, "get_current_time_nanoseconds")?;
    let wall = caller.data().thread.borrow().world.wall();
    write(&mut caller, at, &wall.saturating_mul(1000).to_le_bytes())?;
    Ok(leave(&caller, "get_current_time", || format!("{wall} µs"), Ok(())))
}

fn set_tick(mut caller: Caller<'_, Host>, period: u32) -> Result<u32> {
    enter(&mut caller, "set_tick_period")?;
    let current = caller.data().current;
    let wall = caller.data().thread.borrow().world.wall();
    let outcome = match caller.data().thread.borrow_mut().roots.get_mut(&current) {
        Some(root) => {
            root.ticked_at = wall;
            let number = root.tick.map_or(0, |(_, number)| number + 1);
            root.tick = Some((period, number));
            Ok(())
        }
        None => Err(Status::BadArgument),
    };
    Ok(leave(&caller, "set_tick_period", || format!("{period} ms"), outcome))
}

fn get_property(mut caller: Caller<'_, Host>, at: u32, size: u32, data_at: u32, size_at: u32) -> Result<u32> {
    enter(&mut caller, "get_property")?;
    let path = text(&caller, at, size)?.replace('\0', ".");
    let host = caller.data();
    let (current, effective) = (host.current, host.effective);
    let found: Option<Vec<u8>> = {
        let mut thread = host.thread.borrow_mut();
        let has_root = thread.roots.contains_key(&current) || thread.streams.contains_key(&current);
        match path.as_str() {
            "plugin_name" | "plugin_root_id" | "plugin_vm_id" => has_root.then(|| b"helius".to_vec()),
            // Empty for a reply of the filter's own, absent before there is an answer.
            "response.code_details" => thread
                .stream(effective)
                .ok()
                .filter(|stream| stream.has_response || stream.is_logging)
                .map(|stream| stream.details.clone().into_bytes()),
            "xds.cluster_name" => thread.stream(effective).ok().map(|_| CLUSTER_OF_ROUTE.into()),
            _ => None,
        }
    };
    let outcome = match &found {
        Some(value) => Ok(give(&mut caller, value, data_at, size_at)?),
        None => Err(Status::NotFound),
    };
    Ok(leave(&caller, "get_property", || format!("{path}: {:?}", found.map(|it| lossy(&it))), outcome))
}

fn get_shared(
    mut caller: Caller<'_, Host>,
    at: u32,
    size: u32,
    data_at: u32,
    size_at: u32,
    cas_at: u32,
) -> Result<u32> {
    enter(&mut caller, "get_shared_data")?;
    let key = read(&caller, at, size)?;
    let world = caller.data().thread.borrow().world.clone();
    let found = world.shared.borrow().get(&key).map(|(value, cas)| (value.to_vec(), cas));
    if let Some((value, cas)) = found.as_ref().filter(|_| is_about_overrides(&key)) {
        let root = (caller.data().thread.borrow().index, caller.data().current);
        world.has_read(root, value, *cas);
    }
    let outcome = match found {
        Some((value, cas)) => {
            give(&mut caller, &value, data_at, size_at)?;
            Ok(write_u32(&mut caller, cas_at, cas)?)
        }
        None => Err(Status::NotFound),
    };
    Ok(leave(&caller, "get_shared_data", || lossy(&key), outcome))
}

fn set_shared(mut caller: Caller<'_, Host>, at: u32, size: u32, value_at: u32, len: u32, cas: u32) -> Result<u32> {
    enter(&mut caller, "set_shared_data")?;
    let (key, value) = (read(&caller, at, size)?, read(&caller, value_at, len)?);
    let world = caller.data().thread.borrow().world.clone();
    if is_about_overrides(&key) {
        world.is_shared(&value);
    }
    let outcome = world.shared.borrow_mut().set(&key, &value, cas);
    Ok(leave(&caller, "set_shared_data", || format!("{}, {} bytes, cas {cas}", lossy(&key), value.len()), outcome))
}

fn define_metric(mut caller: Caller<'_, Host>, kind: u32, at: u32, size: u32, id_at: u32) -> Result<u32> {
    enter(&mut caller, "define_metric")?;
    let name = text(&caller, at, size)?;
    let defined = caller.data().thread.borrow().world.metrics.borrow_mut().define(kind, &name);
    let outcome = match defined {
        Ok(index) => {
            // Each VM numbers its metrics by itself.
            let metrics = &mut caller.data_mut().metrics;
            let known = metrics.iter().position(|it| *it == index);
            let id = known.unwrap_or_else(|| {
                metrics.push(index);
                metrics.len() - 1
            });
            Ok(write_u32(&mut caller, id_at, u32::try_from(id)? + 1)?)
        }
        Err(status) => Err(status),
    };
    Ok(leave(&caller, "define_metric", || name, outcome))
}

/// The stat behind a VM's own number for it.
fn metric(caller: &Caller<'_, Host>, id: u32) -> Outcome<usize> {
    let id = usize::try_from(id).ok().and_then(|id| id.checked_sub(1)).ok_or(Status::NotFound)?;
    caller.data().metrics.get(id).copied().ok_or(Status::NotFound)
}

fn increment_metric(mut caller: Caller<'_, Host>, id: u32, offset: i64) -> Result<u32> {
    enter(&mut caller, "increment_metric")?;
    let effective = caller.data().effective;
    let mut name = String::new();
    let outcome = metric(&caller, id).and_then(|index| {
        let mut thread = caller.data().thread.borrow_mut();
        let world = thread.world.clone();
        world.metrics.borrow_mut().increment(index, offset)?.clone_into(&mut name);
        match thread.stream(effective) {
            Ok(stream) => world.counted(stream.exchange, &name),
            // A drill goes on when its stream is gone, and times are handed on with a tick.
            Err(_) if AFTER_A_STREAM.iter().any(|it| name.ends_with(it)) => {}
            Err(_) => world.wrong(&LIVING, format!("{name} is counted outside of any stream")),
        }
        Ok(())
    });
    Ok(leave(&caller, "increment_metric", || format!("{name}, {offset}"), outcome))
}

fn record_metric(mut caller: Caller<'_, Host>, id: u32, value: u64) -> Result<u32> {
    enter(&mut caller, "record_metric")?;
    let outcome = metric(&caller, id)
        .and_then(|index| caller.data().thread.borrow().world.metrics.borrow_mut().record(index, value));
    Ok(leave(&caller, "record_metric", || format!("{id}, {value}"), outcome))
}

fn is_about_overrides(key: &[u8]) -> bool {
    key.windows(OVERRIDES.len()).any(|it| it == OVERRIDES)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
