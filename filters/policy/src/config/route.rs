//! One protected route: an entry of `routes`.

use super::admission;
use super::fail_open::{self, FailOpen};
use super::matcher::{self, Matcher};
use super::scalar;
use super::section::Cursor;
use super::upstream::{self, Upstream};
use crate::admission::Admission;
use crate::dedupe::Dedupe;

/// A route and its policies.
#[derive(Clone, Debug)]
pub struct Route {
    name: String,
    pub(crate) matcher: Matcher,
    admission: Option<Admission>,
    pub(crate) upstream: Upstream,
    pub(crate) fail_open: Option<FailOpen>,
}

impl Route {
    /// The same route, whose breakers reject nobody.
    pub(super) fn in_shadow(self) -> Self {
        Self { upstream: self.upstream.in_shadow(), ..self }
    }

    /// The route's name in metrics and logs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who is let in, where not everybody is.
    pub const fn admission(&self) -> Option<&Admission> {
        self.admission.as_ref()
    }

    /// Which messages are let in only once, where some are.
    pub(crate) fn dedupe(&self) -> Option<&Dedupe> {
        self.admission()?.dedupe()
    }

    /// Where its requests may go.
    pub const fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Whether a static response stands ready when no region answers.
    pub const fn has_static(&self) -> bool {
        self.fail_open.is_some()
    }
}

/// Reads a route of this service.
pub(super) fn read(at: &mut Cursor<'_, '_>, service: &str) -> Option<Route> {
    let mut section = at.section("write a section with name, match, and admission or upstream")?;
    let name = section.required("name", "write a name for metrics and logs, such as assist", scalar::name);
    let matcher = section.required("match", "write which requests, such as { path: /assist }", matcher::read);
    // What all workers share is told apart by it. Neither name has a "/".
    let scope = format!("{service}/{}", name.as_deref().unwrap_or_default());
    let admission = section.optional("admission", |at| admission::read(at, &scope));
    let upstream = section.optional("upstream", |at| upstream::read(at, &scope));
    let fail_open = section.optional("fail_open", fail_open::read);
    let [has_admission, has_upstream, has_fail_open] =
        ["admission", "upstream", "fail_open"].map(|key| section.has(key));
    section.close();
    if !has_upstream && has_fail_open {
        return at.refuse(
            "has fail_open without the regions that it stands in for",
            "write upstream, the regions and the time that they have, or leave fail_open out",
        );
    }
    if !has_upstream && !has_admission {
        return at.refuse(
            "has neither admission nor upstream",
            "write who is let in, or the regions and the time that they have",
        );
    }
    let upstream = upstream?.unwrap_or_else(Upstream::route_alone);
    Some(Route { name: name?, matcher: matcher?, admission: admission?, upstream, fail_open: fail_open? })
}
