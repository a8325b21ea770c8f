//! Which handler answers a request.

use std::fmt;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, StatusCode};

use super::Sidecar;
use super::request::{Answer, Request, text};

/// How long an answer may take, the request's body included, where a route says nothing else.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// What a handler comes to.
pub type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Answers a request.
type Handler = fn(Arc<Sidecar>, Request) -> Answering;

/// Something that the agent can be asked.
pub struct Route {
    method: Method,
    path: &'static str,
    handler: Handler,
    deadline: Duration,
}

impl fmt::Debug for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}

impl Route {
    /// One for this method and path. A path that ends in `/*` stands for everything below.
    pub const fn new(method: Method, path: &'static str, handler: Handler) -> Self {
        Self { method, path, handler, deadline: DEADLINE }
    }

    /// The same with another deadline, as a request needs one that waits for something to happen.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    fn is_at(&self, path: &str) -> bool {
        match self.path.strip_suffix('*') {
            Some(above) => path.len() > above.len() && path.starts_with(above),
            None => path == self.path,
        }
    }
}

/// All that one listener can be asked.
#[derive(Debug)]
pub struct Router(Vec<Route>);

/// Where a request goes.
#[derive(Debug)]
pub(super) enum Found {
    /// To a handler, which has this long.
    Handler(Handler, Duration),
    /// Nowhere: this is the answer.
    Answer(Answer),
}

impl Router {
    /// One with these routes.
    pub const fn new(routes: Vec<Route>) -> Self {
        Self(routes)
    }

    pub(super) fn find(&self, method: &Method, path: &str) -> Found {
        let here: Vec<&Route> = self.0.iter().filter(|route| route.is_at(path)).collect();
        // A HEAD is a GET whose body hyper leaves out.
        let is_asked =
            |route: &&&Route| route.method == *method || (method == Method::HEAD && route.method == Method::GET);
        match here.iter().find(is_asked) {
            Some(route) => Found::Handler(route.handler, route.deadline),
            None if here.is_empty() => Found::Answer(self.not_found()),
            None => Found::Answer(not_allowed(&here)),
        }
    }

    fn not_found(&self) -> Answer {
        let mut told = "there is nothing here; there is\n".to_owned();
        for route in &self.0 {
            let _ = writeln!(told, "  {} {}", route.method, route.path);
        }
        text(StatusCode::NOT_FOUND, told)
    }
}

fn not_allowed(here: &[&Route]) -> Answer {
    let methods: Vec<&str> = here.iter().map(|route| route.method.as_str()).collect();
    let methods = methods.join(", ");
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, format!("this can only be asked with {methods}\n"));
    if let Ok(allow) = HeaderValue::from_str(&methods) {
        answer.headers_mut().insert(ALLOW, allow);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handler(_: Arc<Sidecar>, _: Request) -> Answering {
        Box::pin(async { text(StatusCode::OK, "") })
    }

    fn router() -> Router {
        Router::new(vec![
            Route::new(Method::GET, "/healthz", handler),
            Route::new(Method::GET, "/v1/overrides", handler).within(Duration::from_secs(60)),
            Route::new(Method::POST, "/v1/overrides", handler),
            Route::new(Method::DELETE, "/v1/overrides/*", handler),
        ])
    }

    fn status(method: &Method, path: &str) -> u16 {
        match router().find(method, path) {
            Found::Handler(..) => 200,
            Found::Answer(answer) => answer.status().as_u16(),
        }
    }

    #[test]
    fn a_request_goes_where_method_and_path_say() {
        assert_eq!(status(&Method::GET, "/healthz"), 200);
        assert_eq!(status(&Method::HEAD, "/healthz"), 200);
        assert_eq!(status(&Method::DELETE, "/v1/overrides/7"), 200);
        assert_eq!(status(&Method::DELETE, "/v1/overrides/"), 404);
        assert_eq!(status(&Method::DELETE, "/v1/overrides"), 405);
        assert_eq!(status(&Method::POST, "/healthz"), 405);
        assert_eq!(status(&Method::GET, "/healthz/"), 404);
    }

    #[test]
    fn who_asks_for_a_wrong_method_is_told_the_right_ones() {
        let Found::Answer(answer) = router().find(&Method::PUT, "/v1/overrides") else { panic!("nobody handles it") };
        assert_eq!(answer.headers()[ALLOW], "GET, POST");
    }

    #[test]
    fn a_route_that_waits_has_more_time() {
        let deadline = |path| match router().find(&Method::GET, path) {
            Found::Handler(_, deadline) => deadline.as_secs(),
            Found::Answer(_) => 0,
        };
        assert_eq!(deadline("/healthz"), 10);
        assert_eq!(deadline("/v1/overrides"), 60);
    }
}
