//! The border between the filter and its host, as proxy-wasm 0.2.1 draws it: C functions and raw pointers.
//!
//! In Envoy the filter imports these functions from its VM; here the linker finds them. What a call means is said
//! elsewhere in this module, in safe code; here bytes only cross the border.

#![allow(unsafe_code, reason = "the SDK declares its host as C functions with raw pointers; this file is that host")]

use super::flow::Reply;
use super::{Host, Outcome, Status, host, wire};

// What the module exports. Safe to call: the arguments are numbers, and the module trusts none of them.
unsafe extern "C" {
    pub(crate) safe fn proxy_on_context_create(context: u32, root: u32);
    pub(crate) safe fn proxy_on_vm_start(root: u32, size: usize) -> bool;
    pub(crate) safe fn proxy_on_configure(root: u32, size: usize) -> bool;
    pub(crate) safe fn proxy_on_tick(root: u32);
    pub(crate) safe fn proxy_on_request_headers(context: u32, count: usize, is_last: bool) -> u32;
    pub(crate) safe fn proxy_on_request_body(context: u32, size: usize, is_last: bool) -> u32;
    pub(crate) safe fn proxy_on_request_trailers(context: u32, count: usize) -> u32;
    pub(crate) safe fn proxy_on_response_headers(context: u32, count: usize, is_last: bool) -> u32;
    pub(crate) safe fn proxy_on_response_body(context: u32, size: usize, is_last: bool) -> u32;
    pub(crate) safe fn proxy_on_response_trailers(context: u32, count: usize) -> u32;
    pub(crate) safe fn proxy_on_http_call_response(root: u32, token: u32, headers: usize, body: usize, trailers: usize);
    pub(crate) safe fn proxy_on_log(context: u32);
    pub(crate) safe fn proxy_on_done(context: u32) -> bool;
    pub(crate) safe fn proxy_on_delete(context: u32);
    safe fn proxy_on_memory_allocate(size: usize) -> *mut u8;
}

/// Bytes that the module lends for one call.
fn read<'a>(at: *const u8, size: usize) -> &'a [u8] {
    if at.is_null() {
        assert_eq!(size, 0, "the module names {size} bytes and does not say where");
        return &[];
    }
    // SAFETY: the SDK passes the pointer and length of a slice that outlives the call, and no caller keeps this one.
    unsafe { std::slice::from_raw_parts(at, size) }
}

fn text<'a>(at: *const u8, size: usize) -> &'a str {
    std::str::from_utf8(read(at, size)).expect("the module hands over a name that is not UTF-8")
}

fn write<T>(place: *mut T, value: T) {
    // SAFETY: the SDK passes a pointer to a variable of its own of this type.
    unsafe { place.write(value) }
}

/// Hands bytes to the module in memory that it allocates itself, and says where. Like Envoy: nothing is nowhere.
fn give(bytes: &[u8], at: *mut *mut u8, size: *mut usize) {
    write(size, bytes.len());
    if bytes.is_empty() {
        return write(at, std::ptr::null_mut());
    }
    let place = proxy_on_memory_allocate(bytes.len());
    // SAFETY: the module has just allocated as many bytes there, and nobody else knows them yet.
    unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
    write(at, place);
}

/// Hands over what the host found, if anything.
fn give_found(found: Outcome<Vec<u8>>, at: *mut *mut u8, size: *mut usize) -> Status {
    found.map_or_else(
        |status| status,
        |bytes| {
            give(&bytes, at, size);
            Status::Ok
        },
    )
}

fn status(outcome: Outcome) -> Status {
    outcome.err().unwrap_or(Status::Ok)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_log(level: u32, at: *const u8, size: usize) -> Status {
    Host::log(level, text(at, size));
    Status::Ok
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_current_time_nanoseconds(at: *mut u64) -> Status {
    write(at, host(|host| host.clock.saturating_mul(1_000_000)));
    Status::Ok
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_tick_period_milliseconds(period: u32) -> Status {
    status(host(|host| host.set_tick(period)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_property(path: *const u8, length: usize, at: *mut *mut u8, size: *mut usize) -> Status {
    give_found(host(|host| host.property(text(path, length))), at, size)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_buffer_bytes(
    buffer: u32,
    from: usize,
    most: usize,
    at: *mut *mut u8,
    size: *mut usize,
) -> Status {
    give_found(host(|host| host.buffer(buffer, from, most)), at, size)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_buffer_bytes(buffer: u32, from: usize, count: usize, at: *const u8, size: usize) -> Status {
    status(host(|host| host.set_buffer(buffer, from, count, read(at, size))))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_header_map_pairs(map: u32, at: *mut *mut u8, size: *mut usize) -> Status {
    // A map that is not there reads as empty.
    let fields = host(|host| host.map(map).map(|fields| fields.clone()).unwrap_or_default());
    give(&wire::encode(&fields), at, size);
    Status::Ok
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_header_map_pairs(map: u32, at: *const u8, size: usize) -> Status {
    status(host(|host| host.set_map(map, wire::decode(read(at, size)))))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_header_map_value(
    map: u32,
    name: *const u8,
    length: usize,
    at: *mut *mut u8,
    size: *mut usize,
) -> Status {
    let value = |host: &mut Host| Ok(host.map(map)?.first(text(name, length)).ok_or(Status::NotFound)?.to_vec());
    give_found(host(value), at, size)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_add_header_map_value(
    map: u32,
    name: *const u8,
    length: usize,
    at: *const u8,
    size: usize,
) -> Status {
    status(host(|host| host.add_field(map, text(name, length), read(at, size))))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_replace_header_map_value(
    map: u32,
    name: *const u8,
    length: usize,
    at: *const u8,
    size: usize,
) -> Status {
    status(host(|host| host.replace_field(map, text(name, length), read(at, size))))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_remove_header_map_value(map: u32, name: *const u8, length: usize) -> Status {
    status(host(|host| host.remove_field(map, text(name, length))))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_shared_data(
    key: *const u8,
    length: usize,
    at: *mut *mut u8,
    size: *mut usize,
    cas: *mut u32,
) -> Status {
    let found = host(|host| host.shared.get(read(key, length)).cloned()).ok_or(Status::NotFound);
    let value = found.map(|(value, number)| {
        write(cas, number);
        value
    });
    give_found(value, at, size)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_shared_data(key: *const u8, length: usize, at: *const u8, size: usize, cas: u32) -> Status {
    status(host(|host| host.share(read(key, length), read(at, size), cas)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_define_metric(_kind: u32, name: *const u8, length: usize, id: *mut u32) -> Status {
    write(id, host(|host| host.metrics.define(text(name, length))));
    Status::Ok
}

#[unsafe(no_mangle)]
extern "C" fn proxy_increment_metric(id: u32, offset: i64) -> Status {
    status(host(|host| host.increment(id, offset)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_record_metric(id: u32, value: u64) -> Status {
    status(host(|host| host.metrics.set(id, value)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_effective_context(context: u32) -> Status {
    status(host(|host| host.act_for(context)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_continue_stream(kind: u32) -> Status {
    status(host(|host| host.resume(kind)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_send_local_response(
    code: u32,
    _details: *const u8,
    _details_size: usize,
    body: *const u8,
    body_size: usize,
    headers: *const u8,
    headers_size: usize,
    grpc_status: i32,
) -> Status {
    let headers = wire::decode(read(headers, headers_size));
    let reply = Reply { status: code, headers, body: read(body, body_size).to_vec(), grpc_status };
    status(host(|host| host.reply(reply)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_http_call(
    cluster: *const u8,
    cluster_size: usize,
    headers: *const u8,
    headers_size: usize,
    body: *const u8,
    body_size: usize,
    _trailers: *const u8,
    _trailers_size: usize,
    timeout: u32,
    token: *mut u32,
) -> Status {
    let headers = wire::decode(read(headers, headers_size));
    let begun = host(|host| host.call(text(cluster, cluster_size), &headers, read(body, body_size), timeout));
    status(begun.map(|number| write(token, number)))
}

/// Defines host calls that the SDK links whether a filter makes them or not, and that ours has no use for.
macro_rules! unused {
    ($($name:ident)*) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $name() -> Status {
                panic!(concat!("the filter calls ", stringify!($name), ", which this host only pretends to have"))
            }
        )*
    };
}

unused! {
    proxy_call_foreign_function
    proxy_close_stream
    proxy_dequeue_shared_queue
    proxy_done
    proxy_enqueue_shared_queue
    proxy_get_log_level
    proxy_get_metric
    proxy_get_status
    proxy_grpc_call
    proxy_grpc_cancel
    proxy_grpc_close
    proxy_grpc_send
    proxy_grpc_stream
    proxy_register_shared_queue
    proxy_resolve_shared_queue
    proxy_set_property
}
