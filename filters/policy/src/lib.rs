//! The decisions of Helius Mesh, and nothing else: no I/O, no clock, no randomness, no host.
//!
//! Whatever changes from run to run (the time, a region's answer) comes in as an argument; what has to happen goes
//! out as data. So the same code is proved by property tests natively and runs inside Envoy as Wasm.
//!
//! * [`config`] turns a document into types that cannot hold a wrong value, or says everything that is wrong with it.
//! * [`exchange`] is one HTTP exchange walking down the ladder: events in, effects out.
//! * [`admission`] says which requests are let in at all.
//! * [`verdict`] is the judgement of one attempt at one region; everything else follows from it.
//! * [`circuit_breaker`] takes a region that keeps failing out of the ladder, and lets it back little by little.
//! * [`envoy_words`] reads Envoy's own words for what went wrong.
//! * [`output`] says whether an answer is one that its reader can use.
//! * [`event_stream`] says whether a stream of events has begun, and gives other answers their form.
//! * [`grpc`] is what a gRPC status means, and an answer that is nothing but one.
//! * [`replay`] is the contract under which a request may be sent a second time.
//! * [`budget`] bounds the memory that all copies of requests take together.
//! * [`retry_budget`] bounds how many requests are sent a second time at the same moment.
//! * [`degraded_share`] bounds the share of answers that are made up.
//! * [`isolate`] turns away what comes from certain regions.
//! * [`rate_limit`] says how many requests of whom are admitted.
//! * [`dedupe`] lets a message that comes many times go on once.
//! * [`last_good`] keeps the newest good answer of each kind of request for when no region answers.
//! * [`overrides`] are what operators have switched for a while, on top of the configuration.
//! * [`drill`] tries the lower rungs while the primary is well.
//! * [`salt`] keeps clients from choosing what has the same hash.
//! * [`shared`] is state that all worker threads change together.
//! * [`host`] is what an exchange needs of its surroundings: time, that state, and chance.
//! * [`static_mode`] says whether a route's answers are made up now.
//! * [`latency`] counts how long exchanges take.
//! * [`ticks`] says how much time has passed from one tick of the host to the next.
//! * [`journal`] says which degraded exchanges are worth a line in the log.

// A panic is a trap, and a trap kills the VM of a worker thread for every request that follows.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unreachable
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod admission;
pub mod budget;
pub mod circuit_breaker;
pub mod config;
pub mod dedupe;
pub mod degraded_share;
pub mod drill;
pub mod envoy_words;
pub mod event_stream;
pub mod exchange;
pub mod grpc;
pub mod host;
pub mod http;
pub mod isolate;
pub mod journal;
mod kept_answer;
pub mod last_good;
pub mod latency;
pub mod output;
pub mod overrides;
pub mod rate_limit;
pub mod replay;
pub mod retry_budget;
pub mod salt;
pub mod shared;
pub mod static_mode;
pub mod ticks;
pub mod time;
pub mod verdict;
