//! Host calls that move a stream on. Envoy carries them out when the callback is over.

use wasmtime::{Caller, Linker, Result};

use super::memory::{enter, leave, read};
use crate::fields::Fields;
use crate::grpc::STATUS;
use crate::host::abi::{Outcome, Status, decode};
use crate::host::thread::Deferred;
use crate::host::vm::Host;
use crate::invariants::LIVING;
use crate::mesh::per_try_timeout;

/// The status of a reply that says none to gRPC.
const NO_GRPC_STATUS: u32 = u32::MAX;

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap("env", "proxy_continue_stream", continue_stream)?;
    linker.func_wrap("env", "proxy_send_local_response", send_local_response)?;
    linker.func_wrap("env", "proxy_set_effective_context", set_effective_context)?;
    Ok(())
}

fn continue_stream(mut caller: Caller<'_, Host>, kind: u32) -> Result<u32> {
    enter(&mut caller, "continue_stream")?;
    let outcome = resume(&caller, kind);
    Ok(leave(&caller, "continue_stream", || if kind == 0 { "request" } else { "response" }.to_owned(), outcome))
}

fn resume(caller: &Caller<'_, Host>, kind: u32) -> Outcome {
    let context = caller.data().effective;
    let mut thread = caller.data().thread.borrow_mut();
    let action = match kind {
        0 => Deferred::ResumeRequest(context),
        1 => Deferred::ResumeResponse(context),
        _ => return Err(Status::BadArgument),
    };
    let world = thread.world.clone();
    let stream = thread.stream(context)?;
    if kind == 0 {
        let is_whole = world.record(stream.exchange, |record| record.shown.end.is_some());
        let timeout = stream.request.headers.as_ref().and_then(per_try_timeout);
        stream.router.door = world.let_in(stream.exchange, 0, timeout, is_whole);
    }
    // Envoy forgets the request whichever side goes on.
    let request = &mut stream.request;
    (request.headers_shown, request.piece_shown, request.trailers_shown) = (false, false, false);
    thread.deferred.push(action);
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "as the interface has it")]
fn send_local_response(
    mut caller: Caller<'_, Host>,
    status: u32,
    _details_at: u32,
    _details_size: u32,
    body_at: u32,
    body_size: u32,
    headers_at: u32,
    headers_size: u32,
    grpc_status: u32,
) -> Result<u32> {
    enter(&mut caller, "send_local_response")?;
    let (body, headers) = (read(&caller, body_at, body_size)?, read(&caller, headers_at, headers_size)?);
    let mut given = Fields::default();
    let outcome = decode(&headers).and_then(|mut fields| {
        if grpc_status != NO_GRPC_STATUS {
            fields.push(STATUS, grpc_status.to_string());
        }
        given = fields.clone();
        let context = caller.data().effective;
        let mut thread = caller.data().thread.borrow_mut();
        thread.stream(context)?;
        let status = u16::try_from(status).map_err(|_| Status::BadArgument)?;
        let body = body.clone();
        thread.deferred.push(Deferred::Reply { context, status, fields, body });
        Ok(())
    });
    Ok(leave(&caller, "send_local_response", || format!("{status}, {given:?}, {} bytes", body.len()), outcome))
}

/// In a tick the filter turns to one stream after the other.
fn turn_to(caller: &Caller<'_, Host>, context: u32) {
    let thread = caller.data().thread.borrow();
    let exchange = thread.streams.get(&context).map(|stream| stream.exchange);
    if let Some(exchange) = exchange {
        thread.world.give_up_at(exchange);
    }
}

fn set_effective_context(mut caller: Caller<'_, Host>, context: u32) -> Result<u32> {
    enter(&mut caller, "set_effective_context")?;
    let is_known = {
        let thread = caller.data().thread.borrow();
        thread.streams.contains_key(&context) || thread.roots.contains_key(&context)
    };
    let outcome = if is_known {
        caller.data_mut().effective = context;
        turn_to(&caller, context);
        Ok(())
    } else {
        let world = caller.data().thread.borrow().world.clone();
        world.wrong(&LIVING, format!("the filter acts for context {context}, which is gone"));
        Err(Status::BadArgument)
    };
    Ok(leave(&caller, "set_effective_context", || context.to_string(), outcome))
}
