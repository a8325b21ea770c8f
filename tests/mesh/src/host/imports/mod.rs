//! The host calls.

mod buffer;
mod callout;
mod flow;
mod map;
mod memory;
mod plugin;

use wasmtime::{ExternType, InstancePre, Linker, bail};

use super::module::module;
use super::vm::Host;

/// Calls that the SDK imports whether a filter makes them or not, and that ours has no use for.
const UNUSED: [&str; 15] = [
    "proxy_close_stream",
    "proxy_set_property",
    "proxy_get_status",
    "proxy_grpc_cancel",
    "proxy_grpc_stream",
    "proxy_grpc_close",
    "proxy_grpc_call",
    "proxy_grpc_send",
    "proxy_dequeue_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_resolve_shared_queue",
    "proxy_register_shared_queue",
    "proxy_call_foreign_function",
    "proxy_done",
    "proxy_get_log_level",
];

/// The module with every import that it has.
///
/// # Panics
///
/// When the module imports something that Envoy does not have.
pub(super) fn link() -> InstancePre<Host> {
    let mut linker = Linker::new(module().engine());
    let fits = plugin::link(&mut linker)
        .and_then(|()| map::link(&mut linker))
        .and_then(|()| buffer::link(&mut linker))
        .and_then(|()| flow::link(&mut linker))
        .and_then(|()| callout::link(&mut linker))
        .and_then(|()| link_unused(&mut linker))
        .and_then(|()| linker.instantiate_pre(module()));
    fits.unwrap_or_else(|error| panic!("the module does not fit this host: {error:#}"))
}

fn link_unused(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    for import in module().imports() {
        let (name, ExternType::Func(kind)) = (import.name().to_owned(), import.ty()) else { continue };
        if import.module() == "env" && UNUSED.contains(&name.as_str()) {
            linker.func_new("env", import.name(), kind, move |_, _, _| {
                bail!("the filter calls {name}, which this host only pretends to have")
            })?;
        }
    }
    Ok(())
}
