//! Bytes across the border between module and host.

use wasmtime::{Caller, Result, bail, format_err};

use crate::host::abi::{Outcome, Status};
use crate::host::vm::Host;

/// What a host call may do before the module is initialised.
const ALLOWED_AT_START: [&str; 2] = ["log", "get_current_time_nanoseconds"];

/// A host call begins.
pub(super) fn enter(caller: &mut Caller<'_, Host>, name: &'static str) -> Result<()> {
    let host = caller.data_mut();
    host.calls += 1;
    let world = host.thread.borrow().world.clone();
    world.host_calls.set(world.host_calls.get() + 1);
    if host.is_starting && !ALLOWED_AT_START.contains(&name) {
        bail!("restricted_callback: proxy_{name} is called before the module is initialised");
    }
    Ok(())
}

/// A host call ends: its status for the module, its arguments and result for the trace. A status that the filter has
/// no reason to meet is noted.
pub(super) fn leave(
    caller: &Caller<'_, Host>,
    name: &str,
    arguments: impl FnOnce() -> String,
    outcome: Outcome,
) -> u32 {
    let host = caller.data();
    let thread = host.thread.borrow();
    let status = outcome.err().unwrap_or(Status::Ok);
    thread.world.trace(format!("w{} #{}", thread.index, host.effective), || {
        format!("    {name}({}) = {status:?}", arguments())
    });
    status as u32
}

pub(super) fn read(caller: &Caller<'_, Host>, at: u32, size: u32) -> Result<Vec<u8>> {
    let memory = caller.data().memory.ok_or_else(|| format_err!("the module exports no memory"))?;
    let range = usize::try_from(at)?..usize::try_from(at)?.saturating_add(usize::try_from(size)?);
    let bytes = memory.data(caller).get(range);
    Ok(bytes.ok_or_else(|| format_err!("{size} bytes at {at} are outside of the module's memory"))?.to_vec())
}

pub(super) fn text(caller: &Caller<'_, Host>, at: u32, size: u32) -> Result<String> {
    Ok(String::from_utf8_lossy(&read(caller, at, size)?).into_owned())
}

pub(super) fn write(caller: &mut Caller<'_, Host>, at: u32, bytes: &[u8]) -> Result<()> {
    let memory = caller.data().memory.ok_or_else(|| format_err!("the module exports no memory"))?;
    Ok(memory.write(caller, usize::try_from(at)?, bytes)?)
}

pub(super) fn write_u32(caller: &mut Caller<'_, Host>, at: u32, value: u32) -> Result<()> {
    write(caller, at, &value.to_le_bytes())
}

/// Hands bytes to the module in memory that it allocates itself, and says where.
pub(super) fn give(caller: &mut Caller<'_, Host>, bytes: &[u8], data_at: u32, size_at: u32) -> Result<()> {
    let size = u32::try_from(bytes.len())?;
    let place = if bytes.is_empty() {
        0
    } else {
        caller.data_mut().data_calls += 1;
        let allocate = caller.data().allocate.clone().ok_or_else(|| format_err!("the module exports no malloc"))?;
        let place = allocate.call(&mut *caller, size)?;
        write(caller, place, bytes)?;
        place
    };
    write_u32(caller, data_at, place)?;
    write_u32(caller, size_at, size)
}
