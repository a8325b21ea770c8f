//! Host calls on header maps. Which map may be touched depends on the phase of the stream.

use wasmtime::{Caller, Linker, Result};

use super::memory::{enter, give, leave, read, text};
use crate::fields::Fields;
use crate::host::abi::{Map, Outcome, Status, decode, encode};
use crate::host::vm::Host;

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap("env", "proxy_get_header_map_pairs", pairs)?;
    linker.func_wrap("env", "proxy_set_header_map_pairs", set_pairs)?;
    linker.func_wrap("env", "proxy_get_header_map_value", value)?;
    linker.func_wrap("env", "proxy_add_header_map_value", add)?;
    linker.func_wrap("env", "proxy_replace_header_map_value", replace)?;
    linker.func_wrap("env", "proxy_remove_header_map_value", remove)?;
    Ok(())
}

/// Does something with a map, where the filter may see it now.
fn with<T>(caller: &Caller<'_, Host>, map: u32, act: impl FnOnce(&mut Fields) -> T) -> Outcome<T> {
    let map = Map::of(map)?;
    let host = caller.data();
    let mut thread = host.thread.borrow_mut();
    if matches!(map, Map::CallHeaders | Map::CallTrailers) {
        let answer = thread.call_answer.as_mut().ok_or(Status::BadArgument)?;
        return Ok(act(if map == Map::CallHeaders { &mut answer.headers } else { &mut answer.trailers }));
    }
    let stream = thread.stream(host.effective)?;
    let is_logging = stream.is_logging;
    let found = match map {
        Map::RequestHeaders => (&mut stream.request.headers, stream.request.headers_shown),
        Map::RequestTrailers => (&mut stream.request.trailers, stream.request.trailers_shown),
        Map::ResponseHeaders => (&mut stream.response.headers, stream.response.headers_shown),
        Map::ResponseTrailers => (&mut stream.response.trailers, stream.response.trailers_shown),
        Map::CallHeaders | Map::CallTrailers => return Err(Status::BadArgument),
    };
    match found {
        (Some(fields), is_shown) if is_shown || is_logging => Ok(act(fields)),
        _ => Err(Status::BadArgument),
    }
}

fn pairs(mut caller: Caller<'_, Host>, map: u32, data_at: u32, size_at: u32) -> Result<u32> {
    enter(&mut caller, "get_header_map_pairs")?;
    // A map that is not there reads as empty.
    let fields = with(&caller, map, |fields| fields.clone()).unwrap_or_default();
    give(&mut caller, &encode(&fields), data_at, size_at)?;
    Ok(leave(&caller, "get_map", || format!("{map}: {fields:?}"), Ok(())))
}

fn set_pairs(mut caller: Caller<'_, Host>, map: u32, at: u32, size: u32) -> Result<u32> {
    enter(&mut caller, "set_header_map_pairs")?;
    let bytes = read(&caller, at, size)?;
    let mut given = Fields::default();
    let outcome = decode(&bytes).and_then(|fields| {
        given = fields.clone();
        with(&caller, map, |map| *map = fields)
    });
    Ok(leave(&caller, "set_map", || format!("{map}, {given:?}"), outcome))
}

fn value(mut caller: Caller<'_, Host>, map: u32, at: u32, size: u32, data_at: u32, size_at: u32) -> Result<u32> {
    enter(&mut caller, "get_header_map_value")?;
    let name = text(&caller, at, size)?;
    let found = with(&caller, map, |fields| fields.first(&name).map(<[u8]>::to_vec));
    let outcome = match &found {
        Ok(Some(value)) => Ok(give(&mut caller, value, data_at, size_at)?),
        Ok(None) => Err(Status::NotFound),
        Err(status) => Err(*status),
    };
    let shown = move || format!("{map}, {name}: {:?}", found.ok().flatten().map(|it| it.escape_ascii().to_string()));
    Ok(leave(&caller, "get_header", shown, outcome))
}

fn add(mut caller: Caller<'_, Host>, map: u32, at: u32, size: u32, value_at: u32, length: u32) -> Result<u32> {
    enter(&mut caller, "add_header_map_value")?;
    let (name, value) = (text(&caller, at, size)?, read(&caller, value_at, length)?);
    let outcome = with(&caller, map, |fields| fields.push(&name, &value));
    Ok(leave(&caller, "add_header", || format!("{map}, {name}: {}", value.escape_ascii()), outcome))
}

fn replace(mut caller: Caller<'_, Host>, map: u32, at: u32, size: u32, value_at: u32, length: u32) -> Result<u32> {
    enter(&mut caller, "replace_header_map_value")?;
    let (name, value) = (text(&caller, at, size)?, read(&caller, value_at, length)?);
    let outcome = with(&caller, map, |fields| fields.set(&name, &value));
    Ok(leave(&caller, "set_header", || format!("{map}, {name}: {}", value.escape_ascii()), outcome))
}

fn remove(mut caller: Caller<'_, Host>, map: u32, at: u32, size: u32) -> Result<u32> {
    enter(&mut caller, "remove_header_map_value")?;
    let name = text(&caller, at, size)?;
    let outcome = with(&caller, map, |fields| fields.retain(|it| it != name));
    Ok(leave(&caller, "remove_header", || format!("{map}, {name}"), outcome))
}
