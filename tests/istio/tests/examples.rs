//! Each example and each layout as `kubectl apply -k` sends it: whether its parts fit, and whether it is what the sources say.

use helius_istio::data::skipped;
use helius_istio::{rendered, root, wiring};

fn assert_good(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn what_one_part_names_is_there_in_another() {
    let names = rendered::names(&root()).unwrap();
    assert_eq!(
        names,
        [
            "grafana-core",
            "llm-router",
            "mlflow-tracker",
            "recommender",
            "recommender-mlflow",
            "telemetry-ingest",
            "telemetry-limits"
        ]
    );
    for name in names {
        assert_good(&wiring::problems(&rendered::example(&root(), &name).unwrap()));
    }
}

#[test]
fn what_the_sources_say_is_rendered() {
    for name in rendered::names(&root()).unwrap() {
        let committed = rendered::example(&root(), &name).unwrap();
        assert_good(&rendered::missing(&root(), &name, &committed).unwrap());
    }
}

#[test]
fn kubectl_renders_what_is_committed() {
    for name in rendered::names(&root()).unwrap() {
        let committed = rendered::example(&root(), &name).unwrap();
        let folder = rendered::folder(&name);
        let Some(rendered) = rendered::by_kubectl(&root(), &folder).unwrap() else {
            skipped(&format!("no kubectl with kustomize 5 renders {folder}"));
            continue;
        };
        assert_good(&rendered::differences(&name, &committed, &rendered));
    }
}
