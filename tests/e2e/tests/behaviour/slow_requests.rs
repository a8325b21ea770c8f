//! A primary that fails while the client is still sending its request.

use std::time::Duration;

use helius_e2e::{Answer, Ending, Mesh, RawConnection, wait_for};

use crate::regions::{PRIMARY_CLUSTER, QUESTION, Regions, assert_from_primary, assert_from_secondary, assert_static};

/// Sends a request in two parts, the second when Envoy has the first, and returns the head of the answer.
async fn ask_slowly(mesh: &Mesh) -> String {
    ask_in_parts(mesh, 9, IN_ENVOY).await
}

/// The stats that tell how far a request has come.
type Place = (&'static str, (&'static str, &'static str));
const IN_ENVOY: Place = ("envoy_http_downstream_rq_total", ("envoy_http_conn_manager_prefix", "inbound"));
const AT_THE_PRIMARY: Place = ("envoy_cluster_upstream_rq_total", ("envoy_cluster_name", PRIMARY_CLUSTER));

/// Sends the first `split` bytes of a request's body, and the rest when the request has come to `place`.
async fn ask_in_parts(mesh: &Mesh, split: usize, place: Place) -> String {
    let before = count(mesh, place).await.unwrap();
    let (first, second) = QUESTION.split_at(split);
    let mut client = RawConnection::connect(mesh.addr()).await.unwrap();
    let length = QUESTION.len();
    client.write(format!("POST /assist HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{first}")).await.unwrap();
    let has_come =
        wait_for(place.0, Duration::from_secs(5), async || (count(mesh, place).await? > before).then_some(()));
    has_come.await.unwrap();
    client.write(second).await.unwrap();
    String::from_utf8_lossy(&client.read_until("\r\n\r\n").await.unwrap()).into_owned()
}

async fn count(mesh: &Mesh, (stat, label): Place) -> Option<u64> {
    Some(mesh.stats().await.ok()?.sum(stat, &[label]))
}

/// The answer may be the secondary's or the static one, but no failure and no silence.
fn assert_covered(head: &str, degraded: &str) {
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains(&format!("x-helius-degraded: {degraded}\r\n")), "{head}");
    let is_static = head.contains("x-helius-served-by: static\r\n") && head.contains("x-helius-not-replayable: ");
    assert!(is_static || head.contains("x-helius-served-by: secondary\r\n"), "{head}");
}

#[tokio::test]
async fn by_refusing_the_connection() {
    let mut regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.refuse().await;
    assert_covered(&ask_slowly(&mesh).await, "connect");
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn by_having_no_hosts() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().without_endpoints(PRIMARY_CLUSTER).start().await.unwrap();
    assert_covered(&ask_slowly(&mesh).await, "no_healthy_upstream");
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn by_answering_before_it_has_read_the_request() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    for failure in [Answer::status(500).text("boom"), Answer::status(500)] {
        regions.primary.behave(failure.early());
        assert_covered(&ask_slowly(&mesh).await, "5xx");
        mesh.assert_unharmed().await;
    }
}

#[tokio::test]
async fn a_slow_request_to_a_healthy_primary_is_served() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    let head = ask_slowly(&mesh).await;
    assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("x-helius-"), "{head}");
    assert_eq!(&regions.primary.requests()[0].body[..], QUESTION.as_bytes());
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
}

#[tokio::test]
async fn a_request_whose_body_does_not_come_goes_on_without_it() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    // The body is sent only when the primary has the headers: holding them back would never end.
    let head = ask_in_parts(&mesh, 0, AT_THE_PRIMARY).await;
    assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("x-helius-"), "{head}");
    assert_eq!(&regions.primary.take_requests()[0].body[..], QUESTION.as_bytes());
    regions.primary.behave(Answer::status(500).text("boom"));
    let head = ask_in_parts(&mesh, 0, AT_THE_PRIMARY).await;
    assert!(head.contains("x-helius-served-by: secondary\r\n"), "{head}");
    assert_eq!(&regions.secondary.take_requests()[0].body[..], QUESTION.as_bytes());
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_request_whose_body_comes_very_slowly_is_served_whole() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().concurrency(1).start().await.unwrap();
    let (first, second) = QUESTION.split_at(9);
    let mut client = RawConnection::connect(mesh.addr()).await.unwrap();
    let length = QUESTION.len();
    client.write(format!("POST /assist HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{first}")).await.unwrap();
    // Another one, which the same worker lets go after it has waited as long as it ever does.
    ask_in_parts(&mesh, 0, AT_THE_PRIMARY).await;
    regions.primary.take_requests();
    client.write(second).await.unwrap();
    let head = String::from_utf8_lossy(&client.read_until("\r\n\r\n").await.unwrap()).into_owned();
    assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("x-helius-"), "{head}");
    assert_eq!(&regions.primary.take_requests()[0].body[..], QUESTION.as_bytes());
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_request_that_never_ends_is_answered_when_the_time_is_over() {
    let regions = Regions::start().await;
    for mesh in [regions.mesh(), regions.mesh().without_stop_iteration()] {
        let mesh = mesh.start().await.unwrap();
        regions.primary.behave(Answer::status(500).text("boom").ending(Ending::Stall).early());
        let mut client = RawConnection::connect(mesh.addr()).await.unwrap();
        // Longer than what is held back, and never sent.
        client.write("POST /assist HTTP/1.1\r\nhost: a\r\ncontent-length: 20000\r\n\r\n{").await.unwrap();
        let head = String::from_utf8_lossy(&client.read_until("\r\n\r\n").await.unwrap()).into_owned();
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("x-helius-served-by: static\r\n"), "{head}");
        mesh.assert_unharmed().await;
    }
}

#[tokio::test]
async fn without_the_setting_that_holding_needs_requests_are_late_and_not_lost() {
    let mut regions = Regions::start().await;
    let mesh = regions.mesh().without_stop_iteration().start().await.unwrap();
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
    regions.primary.behave(Answer::status(500).text("boom"));
    assert_from_secondary(&mesh.post("/assist", QUESTION).await.unwrap(), "5xx");
    regions.primary.refuse().await;
    assert_from_secondary(&mesh.post("/assist", QUESTION).await.unwrap(), "connect");
    regions.secondary.refuse().await;
    assert_static(&mesh.post("/assist", QUESTION).await.unwrap(), "connect", "2");
    mesh.assert_unharmed().await;
}
