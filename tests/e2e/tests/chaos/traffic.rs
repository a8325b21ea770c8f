//! What the clients ask: mostly what the mesh protects and may repeat, and some of everything else.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;
use helius_e2e::Request;

/// `replay.max_body` of the shipped document.
const MAX_BODY: usize = 64 << 10;
/// `replay.hold`: a request that announces at most so much goes to the primary only when it is whole.
const HELD_BACK: usize = 16 << 10;
/// How long a client waits before it counts the answer as lost: the ladder ends after 2 s (`upstream.timeout`), and the
/// rest is for two busy cores.
pub(crate) const PATIENCE: Duration = Duration::from_millis(2500);

/// A protected route of the shipped document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Route {
    Assist,
    Predict,
}

impl Route {
    pub(crate) const ALL: [Self; 2] = [Self::Assist, Self::Predict];

    /// Its name in the document and in the metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Assist => "assist",
            Self::Predict => "predict",
        }
    }
}

/// What kind of request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A POST that may be sent again.
    Ask(Route),
    /// A POST with a body that is too long to be kept.
    AskAtLength(Route),
    /// A GET of the assistant: protected, but not to be sent again.
    Get,
    /// A path that even Envoy does not know.
    GetNowhere,
}

/// A request, known by its number.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) number: u32,
    pub(crate) kind: Kind,
    /// Of the body, in bytes.
    size: usize,
    /// Of the chunks in which the body is sent; without them its length is announced.
    chunk: Option<usize>,
}

impl Question {
    /// The same for the same number and seed.
    pub(crate) fn numbered(number: u32, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ u64::from(number));
        let route = Route::ALL[usize::from(rng.bool())];
        let kind = match rng.u8(..100) {
            0..90 => Kind::Ask(route),
            90..94 => Kind::AskAtLength(route),
            94..97 => Kind::Get,
            _ => Kind::GetNowhere,
        };
        let size = match kind {
            Kind::Ask(_) if rng.u8(..50) == 0 => MAX_BODY,
            // As many of 100 bytes as of 1000 or 10 000.
            Kind::Ask(_) => rng.usize(100..200) << rng.u8(..9),
            Kind::AskAtLength(_) => rng.usize(MAX_BODY + 1..2 * MAX_BODY),
            Kind::Get | Kind::GetNowhere => 0,
        };
        let chunk = rng.bool().then(|| rng.usize(1000..20_000));
        Self { number, kind, size, chunk }
    }

    /// The route of the filter that protects it.
    pub(crate) const fn protected_by(&self) -> Option<Route> {
        match self.kind {
            Kind::Ask(route) | Kind::AskAtLength(route) => Some(route),
            Kind::Get => Some(Route::Assist),
            Kind::GetNowhere => None,
        }
    }

    /// Whether it may be answered without asking a second region, for this reason; `None` is for a request that was
    /// sent there.
    pub(crate) fn may_be_refused(&self, reason: Option<&str>) -> bool {
        let never_whole = self.chunk.is_some() || self.size > HELD_BACK;
        match (&self.kind, reason) {
            (Kind::Ask(_), None) | (Kind::AskAtLength(_), Some("body")) | (Kind::Get, Some("method")) => true,
            // The primary can fail before the request has come to its end, and Envoy drops the rest.
            (Kind::Ask(_), Some("incomplete")) => never_whole,
            (Kind::AskAtLength(_), Some("incomplete")) => self.chunk.is_some(),
            _ => false,
        }
    }

    pub(crate) fn request(&self) -> Request {
        let route = match self.kind {
            Kind::Ask(route) | Kind::AskAtLength(route) => route,
            Kind::Get => return Request::get("/assist"),
            Kind::GetNowhere => return Request::get("/nowhere"),
        };
        let body = self.body();
        let request = Request::post(&format!("/{}", route.name()), body.clone());
        match self.chunk {
            Some(chunk) => request.chunks(body.as_bytes().chunks(chunk).map(<[u8]>::to_vec)),
            None => request,
        }
    }

    /// JSON of exactly the right size.
    fn body(&self) -> String {
        let number = self.number;
        let start = format!(r#"{{"id":{number},"node_ids":[{number}],"question":""#);
        let end = r#""}"#;
        let filling = self.size.saturating_sub(start.len() + end.len());
        format!("{start}{}{end}", "?".repeat(filling))
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "request {} ({:?}, {} bytes, chunks: {:?})", self.number, self.kind, self.size, self.chunk)
    }
}

#[test]
fn bodies_have_their_size_up_to_the_cap_and_some_more() {
    let sizes: Vec<_> = (0..1000).map(|number| Question::numbered(number, 7)).filter(|it| it.size > 0).collect();
    assert!(sizes.iter().all(|question| question.body().len() == question.size));
    let asked = sizes.iter().filter(|question| matches!(question.kind, Kind::Ask(_)));
    assert_eq!(asked.map(|question| question.size).max(), Some(MAX_BODY));
}
