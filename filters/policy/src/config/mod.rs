//! The configuration of the filter: a document, read into types that cannot hold a wrong value.
//!
//! A document is refused as a whole, with everything that is wrong with it ([`Problems`]); nothing is ignored, so a
//! slip of the pen in a key cannot switch a policy off in silence.

mod admission;
mod agent;
mod circuit_breaker;
mod document;
mod fail_open;
mod last_good;
mod matcher;
mod output;
mod overrides;
mod problem;
mod route;
mod scalar;
mod section;
mod upstream;
mod yaml;

use std::sync::Arc;

use crate::http::Headers;
use section::Cursor;

pub use agent::Agent;
pub use document::{Node, Value};
pub use fail_open::FailOpen;
pub use matcher::Matcher;
pub use output::Output;
pub(crate) use overrides::read as read_overrides;
pub use problem::{Problem, Problems};
pub use route::Route;
pub use scalar::parse_duration;
pub use section::nearest;
pub use upstream::{Region, Secondary, Upstream};

/// What one filter does.
#[derive(Clone, Debug)]
pub struct Config {
    service: String,
    mode: Mode,
    agent: Option<Agent>,
    routes: Vec<Arc<Route>>,
}

/// Whether decisions have consequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They do.
    Enforce,
    /// They are made, counted and logged, and change nothing.
    Shadow,
}

/// Why a document is no configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is nothing in it.
    #[error("the document is empty; write at least service and routes")]
    Empty,
    /// It is not text, as when Envoy was given a `Struct`, which it hands over in its binary encoding.
    #[error(
        "the document is not UTF-8 text (byte {offset}); give Envoy the text as a google.protobuf.StringValue, \
         because a Struct arrives here encoded"
    )]
    NotText {
        /// The first byte that is wrong, counted from 0.
        offset: usize,
    },
    /// It is text, but neither JSON nor YAML.
    #[error("the document is not {format}: {what} (line {line}, column {column})")]
    Syntax {
        /// What it was taken for.
        format: &'static str,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What the parser says.
        what: String,
    },
    /// It can be read, and breaks rules.
    #[error("{0}")]
    Invalid(Problems),
}

impl Config {
    /// Reads a document, JSON or YAML.
    pub fn parse(text: &[u8]) -> Result<Self, ConfigError> {
        Self::read(&Node::read(text)?)
    }

    /// Reads a document that is a part of another one.
    ///
    /// # Errors
    ///
    /// Where it breaks rules.
    pub fn read(node: &Node) -> Result<Self, ConfigError> {
        let mut problems = Problems::default();
        let config = read(&mut Cursor::root(node, &mut problems));
        problems.sort();
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(ConfigError::Invalid(problems)),
        }
    }

    /// The label of this workload on every metric.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Whether decisions have consequences.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Who tells what operators have switched, where anybody does.
    pub const fn agent(&self) -> Option<&Agent> {
        self.agent.as_ref()
    }

    /// The routes in the order in which they are tried.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// The first route that a request with these headers matches, and its place in the list.
    pub fn route_of(&self, headers: &Headers) -> Option<(usize, &Arc<Route>)> {
        self.routes.iter().enumerate().find(|(_, route)| route.matcher.matches(headers))
    }
}

fn read(at: &mut Cursor<'_, '_>) -> Option<Config> {
    let mut section = at.section("write a map with service and routes")?;
    let service = section.required("service", "write the workload's name, such as llm-router", scalar::name);
    let mode = section
        .optional("mode", |at| scalar::word(at, "a mode", &[("enforce", Mode::Enforce), ("shadow", Mode::Shadow)]));
    let agent = section.optional("agent", agent::read);
    let routes = section.required("routes", "write a list of routes", |at| {
        let mut names: Vec<String> = Vec::new();
        at.list("write a list of routes", |at| {
            let route = route::read(at, service.as_deref().unwrap_or_default())?;
            if names.iter().any(|name| name == route.name()) {
                return at.refuse(
                    format!("has the name of an earlier route, {:?}", route.name()),
                    "give each route its own name; metrics are told apart by it",
                );
            }
            names.push(route.name().to_owned());
            let is_shadow = mode == Some(Some(Mode::Shadow));
            Some(Arc::new(if is_shadow { route.in_shadow() } else { route }))
        })
    });
    section.close();
    Some(Config { service: service?, mode: mode?.unwrap_or(Mode::Enforce), agent: agent?, routes: routes? })
}
