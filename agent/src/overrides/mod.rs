//! What operators have switched, as the agent keeps it and hands it to the filter.
//!
//! An override comes from a file that is watched, or from the API. Both are judged by the filter's own rules
//! ([`helius_policy::overrides`]), and both end by themselves.
//!
//! | file | what it is |
//! |---|---|
//! | `entry` | an override with its number, its source and its beginning |
//! | `store` | all of them at a moment: pure, time is an argument |
//! | `document` | what the filter reads, and the name by which it knows it |
//! | `request` | what the API is asked to set |
//! | `topology` | what the filter has, and whether an override is of use there or takes too much |
//! | `audit` | a line for each change |
//! | `state` | what outlives the process |
//! | `watched_file` | the file, replaced as Kubernetes replaces it |
//! | `switchboard` | all of this together, for the process |
//!
//! Choices:
//!
//! * **Of two that pull the same knob what was set by hand counts.** The filter lets the later one count, so the file's come
//!   first in the document.
//! * **A clock that steps back lengthens nothing.** The filter refuses a document in which one thing ends later than a day
//!   from now, and with it everything else; so what would end later is shortened to a day, and that is told.

mod audit;
mod document;
mod entry;
mod request;
mod state;
mod store;
mod switchboard;
mod topology;
mod watched_file;

pub use audit::{Action, Line, Who};
pub use document::Document;
pub use entry::{Entry, Source, moment, now, written};
pub use request::Asked;
pub use state::StateDir;
pub use store::{Full, NotCleared, Store};
pub use switchboard::{Set, Switchboard};
pub use topology::Topology;
pub use watched_file::{MAX_FILE, Seen, WatchedFile};
