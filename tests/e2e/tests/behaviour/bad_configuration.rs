//! A document with mistakes: Envoy starts, traffic passes untouched, and the log says what to mend.

use helius_e2e::{Answer, Bootstrap, Mesh};
use serde_json::{Value, json};

use crate::regions::{QUESTION, Regions, assert_from_primary};

type Mistake = fn(&mut Value);

/// Starts with a document that has to be refused and returns what the log says about it.
async fn refused(regions: &Regions, bootstrap: Bootstrap) -> String {
    let mesh = bootstrap.start().await.unwrap();
    assert_passes_untouched(&mesh, regions).await;
    let stats = mesh.stats().await.unwrap();
    assert_eq!(stats.of("helius_filter_config_rejected").map(|sample| sample.value).collect::<Vec<_>>(), [1]);
    let log = mesh.envoy().log();
    log.lines().filter(|line| !line.contains("[info]")).collect::<Vec<_>>().join("\n")
}

async fn assert_passes_untouched(mesh: &Mesh, regions: &Regions) {
    regions.primary.behave(helius_e2e::Behaviour::Serve);
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
    regions.primary.behave(Answer::status(500).text("boom"));
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_eq!((reply.status, reply.text().as_str()), (500, "boom"));
    assert!(reply.marks().is_empty(), "{:?}", reply.marks());
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn each_mistake_is_named_with_path_and_value() {
    let regions = Regions::start().await;
    let mistakes: [(Mistake, &str, &str); 6] = [
        (|document| document["mode"] = json!("enforced"), "mode", "enforced"),
        (|document| document["routes"][0]["upstream"]["timeout"] = json!("2 parsecs"), "upstream.timeout", "2 parsecs"),
        (|document| document["routes"][0]["upstream"]["fail_on"] = json!(["6xx"]), "upstream.fail_on", "6xx"),
        (|document| document["routes"][0]["upstream"]["replay"]["max_body"] = json!("64 kilo"), "max_body", "64 kilo"),
        (|document| document["routes"][0]["fail_open"]["static"][0]["status"] = json!(99), "static[0].status", "99"),
        (|document| document["rooutes"] = json!([]), "rooutes", "routes"),
    ];
    for (mistake, path, value) in mistakes {
        let said = refused(&regions, regions.mesh().configure(mistake)).await;
        assert!(said.contains(path) && said.contains(value), "{path}: {value} is missing in:\n{said}");
    }
}

#[tokio::test]
async fn all_mistakes_are_named_at_once() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().configure(|document| {
        document["mode"] = json!("enforced");
        document["routes"][1]["upstream"]["regions"][1]["timeout"] = json!("soon");
    });
    let said = refused(&regions, mesh).await;
    assert!(said.contains("enforced") && said.contains("routes[1]") && said.contains("soon"), "{said}");
}

#[tokio::test]
async fn what_is_no_document_at_all_is_refused_too() {
    let regions = Regions::start().await;
    for text in ["", "just words", "[1, 2", "service: llm-router\nroutes:\n  - name: [", "\u{0}\u{1}", "a: &a [*a]"] {
        println!("document: {text:?}");
        refused(&regions, regions.mesh().document_text(text)).await;
    }
}
