//! Host calls on bodies and configurations.

use wasmtime::{Caller, Linker, Result};

use super::memory::{enter, give, leave, read};
use crate::host::abi::{Buffer, Outcome, Status};
use crate::host::thread::Deferred;
use crate::host::vm::Host;

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap("env", "proxy_get_buffer_bytes", get)?;
    linker.func_wrap("env", "proxy_set_buffer_bytes", set)?;
    Ok(())
}

fn get(mut caller: Caller<'_, Host>, kind: u32, from: u32, most: u32, data_at: u32, size_at: u32) -> Result<u32> {
    enter(&mut caller, "get_buffer_bytes")?;
    let (from, most) = (usize::try_from(from)?, usize::try_from(most)?);
    let found = bytes(&caller, kind).map(|bytes| {
        let from = from.min(bytes.len());
        bytes[from..from.saturating_add(most).min(bytes.len())].to_vec()
    });
    let outcome = match &found {
        Ok(bytes) => Ok(give(&mut caller, bytes, data_at, size_at)?),
        Err(status) => Err(*status),
    };
    Ok(leave(&caller, "get_buffer", || format!("{kind}: {:?} bytes", found.map(|it| it.len())), outcome))
}

fn bytes(caller: &Caller<'_, Host>, kind: u32) -> Outcome<Vec<u8>> {
    let host = caller.data();
    let mut thread = host.thread.borrow_mut();
    match Buffer::of(kind)? {
        Buffer::RequestBody => thread.stream(host.effective)?.request.body().cloned().ok_or(Status::NotFound),
        Buffer::ResponseBody => thread.stream(host.effective)?.response.body().cloned().ok_or(Status::NotFound),
        Buffer::CallBody => thread.call_answer.as_ref().map(|it| it.body.clone()).ok_or(Status::NotFound),
        Buffer::VmConfiguration => Ok(Vec::new()),
        Buffer::PluginConfiguration => {
            thread.roots.get(&host.current).map(|root| root.text.clone()).ok_or(Status::NotFound)
        }
    }
}

fn set(mut caller: Caller<'_, Host>, kind: u32, from: u32, size: u32, at: u32, length: u32) -> Result<u32> {
    enter(&mut caller, "set_buffer_bytes")?;
    let given = read(&caller, at, length)?;
    let (from, size) = (usize::try_from(from)?, usize::try_from(size)?);
    let outcome = put(&caller, kind, from, size, &given);
    Ok(leave(&caller, "set_buffer", || format!("{kind}, {from}, {size}, {} bytes", given.len()), outcome))
}

/// Envoy only replaces from the start, or appends.
fn put(caller: &Caller<'_, Host>, kind: u32, from: usize, size: usize, given: &[u8]) -> Outcome {
    let host = caller.data();
    let mut thread = host.thread.borrow_mut();
    let limit = thread.world.scenario.envoy.buffer_limit;
    let stream = thread.stream(host.effective)?;
    let (half, is_response) = match Buffer::of(kind)? {
        Buffer::RequestBody => (&mut stream.request, false),
        Buffer::ResponseBody => (&mut stream.response, true),
        _ => return Err(Status::BadArgument),
    };
    let is_buffering = half.is_buffering;
    let body = half.body().ok_or(Status::NotFound)?;
    if from == 0 {
        body.splice(..size.min(body.len()), given.iter().copied());
    } else if from >= body.len() {
        body.extend_from_slice(given);
    } else {
        return Err(Status::BadArgument);
    }
    if is_response && is_buffering && body.len() > limit {
        let context = host.effective;
        thread.deferred.push(Deferred::ResponseTooLarge(context));
    }
    Ok(())
}
