//! The overrides that the agent holds, whatever is set, cleared and written into the file.

mod restart;
mod store;
mod switchboard;
