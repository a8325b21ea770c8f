//! A client that goes away before its answer.

use helius_e2e::{Answer, Behaviour, RawConnection};

use crate::regions::{QUESTION, Regions, assert_from_primary, assert_from_secondary};

fn question() -> String {
    format!("POST /assist HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{QUESTION}", QUESTION.len())
}

#[tokio::test]
async fn while_the_primary_works() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.behave(Behaviour::Hang);
    let ledger = mesh.ledger().await.unwrap();
    let mut client = RawConnection::connect(mesh.addr()).await.unwrap();
    client.write(question()).await.unwrap();
    regions.primary.wait_for_requests(1).await.unwrap();
    client.reset().unwrap();
    ledger.attempts(&[("us-east-1", "abandoned", 1)]).await;
    ledger.responses(&[("none", "none", 1)]).await;
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;

    regions.primary.behave(Behaviour::Serve);
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
}

#[tokio::test]
async fn while_the_secondary_works() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.secondary.behave(Behaviour::Hang);
    for failure in [Answer::status(500).text("boom"), Answer::status(500)] {
        regions.primary.behave(failure);
        regions.secondary.take_requests();
        let ledger = mesh.ledger().await.unwrap();
        let mut client = RawConnection::connect(mesh.addr()).await.unwrap();
        client.write(question()).await.unwrap();
        regions.secondary.wait_for_requests(1).await.unwrap();
        client.reset().unwrap();
        ledger.attempts(&[("us-east-1", "5xx", 1), ("us-west-2", "abandoned", 1)]).await;
        ledger.responses(&[("none", "5xx", 1)]).await;
        mesh.assert_unharmed().await;
    }
    regions.secondary.behave(Behaviour::Serve);
    assert_from_secondary(&mesh.post("/assist", QUESTION).await.unwrap(), "5xx");
}

#[tokio::test]
async fn in_the_middle_of_its_own_request() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    let mut client = RawConnection::connect(mesh.addr()).await.unwrap();
    client.write("POST /assist HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{\"id\"").await.unwrap();
    client.reset().unwrap();
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn many_at_once() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.behave(Answer::status(500).text("boom"));
    regions.secondary.behave(Behaviour::Hang);
    let ledger = mesh.ledger().await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = RawConnection::connect(mesh.addr()).await.unwrap();
        client.write(question()).await.unwrap();
        clients.push(client);
    }
    regions.secondary.wait_for_requests(50).await.unwrap();
    for client in clients {
        client.reset().unwrap();
    }
    ledger.responses(&[("none", "5xx", 50)]).await;
    regions.secondary.behave(Behaviour::Serve);
    assert_from_secondary(&mesh.post("/assist", QUESTION).await.unwrap(), "5xx");
    mesh.assert_unharmed().await;
}
