//! The exchange as a whole: what must hold whatever happens, and in whatever order.
//!
//! * [`table`] walks the ladder row by row.
//! * [`breakers`] is the ladder around regions that are left alone.
//! * [`dedupe`] is what becomes of a message that comes more than once.
//! * [`event_stream`] is the ladder of a stream until its first event.
//! * [`grpc`] is what a gRPC client gets instead of a failure.
//! * [`overrides`] is the ladder around what an operator has switched.
//! * [`strict`] is the ladder whose primary the filter calls itself.
//! * [`last_good`] is what is kept of good answers, and given when no region gives one.
//! * [`honest`] is what is said aloud.
//! * [`drill`] is what follows some exchanges whose primary is well.
//! * [`any_order`] throws events at it that no host would send.
//! * [`legal`] plays a host that keeps to the rules, and looks at what the client gets in the end.

mod any_order;
mod breakers;
mod dedupe;
mod drill;
mod event_stream;
mod grpc;
mod honest;
mod host;
mod last_good;
mod legal;
mod output;
mod overrides;
mod setup;
mod strict;
mod table;
mod watch;
