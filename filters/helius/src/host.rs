//! Host calls that cannot panic.
//!
//! The SDK's methods unwrap what the host says, and its string getters panic on a header that is not UTF-8. These take
//! bytes, and turn an error into "nothing there": a filter that cannot see something must still not fall over it.

use std::cell::Cell;
use std::time::{Duration, UNIX_EPOCH};

use helius_policy::grpc;
use helius_policy::host::Host;
use helius_policy::http::{Headers, Response, decimal};
use helius_policy::shared::{SharedStore, Stored};
use helius_policy::time::{Clock, Timestamp};
use log::warn;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, GrpcStatusCode, MapType, MetricType, Status};

/// Envoy, as policies see it: its wall clock, its shared data, and numbers that nobody can tell beforehand.
#[derive(Debug)]
pub(crate) struct Envoy {
    dice: Cell<u64>,
}

impl Envoy {
    /// With the time as the seed of what is random, the only thing that differs from VM to VM.
    pub(crate) fn new() -> Self {
        let this = Self { dice: Cell::new(0) };
        this.dice.set(this.now().nanos());
        this
    }
}

impl Host for Envoy {
    /// By `SplitMix64` (Steele, Lea and Flood, 2014): enough for sharing out traffic, and for nothing secret.
    fn random(&self) -> f64 {
        let state = self.dice.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.dice.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let upper = u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or_default();
        f64::from(upper) / (f64::from(u32::MAX) + 1.0)
    }
}

impl Clock for Envoy {
    fn now(&self) -> Timestamp {
        let since_epoch = hostcalls::get_current_time().ok().and_then(|now| now.duration_since(UNIX_EPOCH).ok());
        Timestamp::from_epoch(since_epoch.unwrap_or_default())
    }
}

/// All headers of a map, in one call: that is cheaper than two single ones.
pub(crate) fn headers(map: MapType) -> Headers {
    hostcalls::get_map_bytes(map).unwrap_or_default().into()
}

/// One header of the response.
pub(crate) fn response_header(name: &str) -> Option<Vec<u8>> {
    hostcalls::get_map_value_bytes(MapType::HttpResponseHeaders, name).ok().flatten()
}

/// Sets one header of the request.
pub(crate) fn set_request_header(name: &str, value: &str) {
    log_error("set a request header", hostcalls::set_map_value(MapType::HttpRequestHeaders, name, Some(value)));
}

/// Removes one header of the request.
pub(crate) fn remove_request_header(name: &str) {
    log_error("remove a request header", hostcalls::set_map_value(MapType::HttpRequestHeaders, name, None));
}

/// Adds headers to the response.
pub(crate) fn add_response_headers(headers: &Headers) {
    for (name, value) in headers.iter() {
        let added = hostcalls::add_map_value_bytes(MapType::HttpResponseHeaders, name, value);
        log_error("add a response header", added);
    }
}

/// Makes the held response `response`, apart from its body.
pub(crate) fn replace_response_headers(response: &Response) {
    let status = response.status.to_string();
    let pairs = std::iter::once((":status", status.as_bytes())).chain(response.headers.iter()).collect();
    log_error("replace the headers", hostcalls::set_map_bytes(MapType::HttpResponseHeaders, pairs));
}

/// Removes the trailers of the held response.
pub(crate) fn remove_response_trailers() {
    log_error("remove the trailers", hostcalls::set_map_bytes(MapType::HttpResponseTrailers, Vec::new()));
}

/// `size` bytes from the start of a buffer.
pub(crate) fn body(buffer: BufferType, size: usize) -> Vec<u8> {
    if size == 0 {
        return Vec::new();
    }
    hostcalls::get_buffer(buffer, 0, size).ok().flatten().unwrap_or_default()
}

/// Puts `body` in the place of the `size` bytes that are buffered of a body.
pub(crate) fn replace_body(buffer: BufferType, size: usize, body: &[u8]) {
    log_error("replace the body", hostcalls::set_buffer(buffer, 0, size, body));
}

/// Lets the held request go on.
pub(crate) fn resume_request() {
    log_error("resume the request", hostcalls::resume_http_request());
}

/// Makes the host calls that follow act on another context than the one that was called.
pub(crate) fn act_for(context_id: u32) {
    log_error("act for another context", hostcalls::set_effective_context(context_id));
}

/// Has the root context called from time to time.
pub(crate) fn set_tick(period: Duration) {
    log_error("set the tick", hostcalls::set_tick_period(period));
}

/// Lets the held response go on.
pub(crate) fn resume_response() {
    log_error("resume the response", hostcalls::resume_http_response());
}

/// Answers with a reply of the filter's own, past the other filters.
///
/// The host takes text only: a header that is not UTF-8 cannot be sent this way and is left out.
pub(crate) fn reply(response: &Response) {
    if let Some(status) = grpc_status(response) {
        return reply_with_status(status, response);
    }
    let text = |(name, value)| Some((name, std::str::from_utf8(value).ok()?));
    let headers = response.headers.iter().filter_map(text).collect();
    log_error("reply", hostcalls::send_http_response(response.status.into(), headers, Some(&response.body)));
}

/// The gRPC status of an answer that says nothing else.
fn grpc_status(response: &Response) -> Option<GrpcStatusCode> {
    use GrpcStatusCode as Code;
    const CODES: [Code; grpc::NAMES.len()] = [
        Code::Ok,
        Code::Cancelled,
        Code::Unknown,
        Code::InvalidArgument,
        Code::DeadlineExceeded,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::ResourceExhausted,
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unimplemented,
        Code::Internal,
        Code::Unavailable,
        Code::DataLoss,
        Code::Unauthenticated,
    ];
    let number = response.headers.first(grpc::STATUS).filter(|_| grpc::is_status_alone(response))?;
    CODES.get(decimal::<usize>(number)?).copied()
}

/// Envoy itself makes of a reply to gRPC what gRPC wants; what it makes is left out here.
fn reply_with_status(status: GrpcStatusCode, response: &Response) {
    let is_made = |name: &str| matches!(name, "content-type" | grpc::STATUS | grpc::MESSAGE);
    let headers = response.headers.iter().filter(|(name, _)| !is_made(name)).collect();
    let message = response.headers.first(grpc::MESSAGE).and_then(|message| std::str::from_utf8(message).ok());
    log_error("reply", hostcalls::send_grpc_response(status, message, headers));
}

/// Begins a callout. Says no where Envoy does not know the cluster, or the cluster has no host.
pub(crate) fn call(
    cluster: &str,
    headers: &Headers,
    authority: Option<&str>,
    body: &[u8],
    timeout: Duration,
) -> Option<u32> {
    let text = |(name, value)| {
        let value = std::str::from_utf8(value).ok()?;
        Some((name, authority.filter(|_| name == ":authority").unwrap_or(value)))
    };
    let headers = headers.iter().filter_map(text).collect();
    let body = (!body.is_empty()).then_some(body);
    hostcalls::dispatch_http_call(cluster, headers, body, Vec::new(), timeout).ok()
}

/// An attribute of the stream or of the plugin.
pub(crate) fn property(path: &[&str]) -> Vec<u8> {
    hostcalls::get_property(path.to_vec()).ok().flatten().unwrap_or_default()
}

/// What all VMs with this VM's id share under `key`; empty where nothing is.
pub(crate) fn shared(key: &str) -> Vec<u8> {
    hostcalls::get_shared_data(key).ok().and_then(|(value, _)| value).unwrap_or_default()
}

/// Shares `value` under `key`, whoever else does so at the same time.
pub(crate) fn share(key: &str, value: &[u8]) {
    log_error("share data", hostcalls::set_shared_data(key, Some(value), None));
}

/// No version of a record: writing with it succeeds only where there is none. Envoy counts versions up from 1, over all
/// keys of the process, and would have to come to the end of 32 bits for this one.
const NONE: u32 = u32::MAX;

impl SharedStore for Envoy {
    fn read(&self, key: &str) -> Option<Stored> {
        let (record, version) = hostcalls::get_shared_data(key).ok()?;
        Some(Stored { record: record?, version: version? })
    }

    fn write(&self, key: &str, record: &[u8], version: Option<u32>) -> bool {
        hostcalls::set_shared_data(key, Some(record), Some(version.unwrap_or(NONE))).is_ok()
    }

    fn put(&self, key: &str, record: &[u8]) {
        share(key, record);
    }
}

/// Defines a metric, or finds it where another thread has defined it.
pub(crate) fn define_metric(kind: MetricType, name: &str) -> Option<u32> {
    hostcalls::define_metric(kind, name).ok()
}

/// Adds to a counter.
pub(crate) fn increment(metric: u32, by: u64) {
    log_error("count", hostcalls::increment_metric(metric, i64::try_from(by).unwrap_or(i64::MAX)));
}

/// Sets a gauge.
pub(crate) fn set_gauge(metric: u32, value: u64) {
    log_error("set a gauge", hostcalls::record_metric(metric, value));
}

fn log_error(what: &str, result: Result<(), Status>) {
    if let Err(status) = result {
        warn!("the host did not {what}: {status:?}");
    }
}
