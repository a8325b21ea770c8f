//! What is asked, and over what.

use std::net::SocketAddr;

use helius_e2e::{OpenLoop, lean_post};

/// Enough to be spread over both workers; a region that hangs takes more, which are opened then.
const LANES: usize = 64;
/// Enough for both workers to have connections to the regions.
const WARM_UP: u32 = 200;
const QUESTION: &str = r#"{"id": 7, "question": "does it hold?"}"#;

/// Connections to a mesh, over which some requests have gone already.
pub(crate) async fn warm(addr: SocketAddr, paths: &[&'static str]) -> OpenLoop {
    let mut load = OpenLoop::connect(addr, LANES).unwrap();
    for path in paths.iter().copied() {
        (load, _) = load.spawn(WARM_UP, 1000, move |_| question(path)).await.unwrap().unwrap();
    }
    load
}

/// Puts the question to a route.
pub(crate) fn question(path: &str) -> Vec<u8> {
    lean_post(path, &[], QUESTION)
}
