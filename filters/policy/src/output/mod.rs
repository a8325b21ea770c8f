//! Output validation: whether an answer that came with a 200 is one that its reader can use.
//!
//! * `json` reads a body, strictly.
//! * [`schema`] judges it by a JSON Schema of the route.
//! * `check` is what a schema cannot say.
//! * `violation` is what is told of an answer that breaks a rule: where and which, never what stands there.
//!
//! A judgement is bounded, whatever the answer and the schema are: nesting by [`Limits::depth`], work by
//! [`Limits::steps`]. An answer that meets a limit is told apart ([`Rule::is_limit`]), because nobody knows whether it is
//! valid.

mod check;
mod json;
pub mod schema;
mod violation;

pub use check::{Check, Pointer};
pub use schema::{Schema, SchemaProblem};
pub use violation::{Rule, Violation};

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Deepest nesting of an answer; more than 128 is taken for 128.
    pub depth: usize,
    /// Most steps of a judgement. A step is about one keyword or one member looked at.
    pub steps: usize,
}

impl Default for Limits {
    /// Nobody writes answers by hand that are nested 64 deep; and a million steps are 10 to 50 ms of a worker's time,
    /// a hundred times what an answer of some 20 kilobytes takes.
    fn default() -> Self {
        Self { depth: 64, steps: 1_000_000 }
    }
}

/// What an answer of one route has to be.
#[derive(Debug, Default)]
pub struct Validator {
    /// Any JSON, if there is none.
    pub schema: Option<Schema>,
    /// Looked at in this order, after the schema.
    pub checks: Vec<Check>,
    /// How much is looked at.
    pub limits: Limits,
}

impl Validator {
    /// Whether an answer's whole body is valid, or the first thing that is wrong with it.
    pub fn validate(&self, body: &[u8]) -> Result<(), Violation> {
        self.judge(body, |_| true)
    }

    /// The same for an answer that says itself that it is not sure.
    pub fn validate_unsure(&self, body: &[u8]) -> Result<(), Violation> {
        self.judge(body, |check| !matches!(check, Check::MinConfidence { .. }))
    }

    fn judge(&self, body: &[u8], is_asked: impl Fn(&Check) -> bool) -> Result<(), Violation> {
        let value = json::read(body, self.limits.depth)?;
        if let Some(schema) = &self.schema {
            schema.judge(&value, self.limits.steps)?;
        }
        Ok(self.checks.iter().filter(|check| is_asked(check)).try_for_each(|check| check.judge(&value))?)
    }

    /// Whether an answer has a number other than 0 at this place.
    pub fn is_sure(&self, body: &[u8], place: &Pointer) -> bool {
        json::read(body, self.limits.depth).is_ok_and(|value| place.is_sure(&value))
    }
}
