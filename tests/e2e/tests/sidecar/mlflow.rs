//! A recommender that loads its model from an `MLflow` registry, with both filters in its sidecar. The incident for which the
//! project was built began here.

use helius_e2e::{Answer, Reply, Request, Upstream};
use helius_istio::routing::cluster;
use serde_json::json;

use crate::pod::{Pod, Unpatched};

const TRACKER: &str = "mlflow-tracker.mlops.svc.cluster.local";
const CHAMPION: &str = "/api/2.0/mlflow/registered-models/alias?name=reco&alias=champion";

/// What the client of `MLflow` asks.
fn read(path: &str) -> Request {
    Request::get(path).header("host", format!("{TRACKER}:5000"))
}

fn write() -> Request {
    Request::post("/api/2.0/mlflow/registered-models/alias", r#"{"name": "reco", "alias": "champion", "version": "4"}"#)
        .header("host", format!("{TRACKER}:5000"))
}

fn marks(reply: &Reply) -> (u16, Option<&str>) {
    (reply.status, reply.marks().get("served-by").copied())
}

#[tokio::test]
async fn what_was_read_in_the_registry_is_there_while_it_is_away_and_nothing_is_made_up() {
    for unpatched in Unpatched::all() {
        let mut tracker = Upstream::start("mlflow").await.unwrap();
        let version = json!({ "model_version": { "name": "reco", "version": "3", "source": "models:/m-1" } });
        // As MLflow 3 answers.
        tracker.behave(Answer::status(200).json(&version).header("vary", "Origin"));
        let application = Upstream::start("recommender").await.unwrap();
        application.behave(Answer::status(500).text("no model"));
        let (called, asked) = (cluster(5000, TRACKER), unpatched.application());
        let endpoints = [(called.as_str(), tracker.addr()), (asked.as_str(), application.addr())];
        let pod = Pod::start("recommender-mlflow", &unpatched, &endpoints).await;

        let reply = pod.asks(5000, read(CHAMPION)).await;
        assert_eq!((marks(&reply), reply.json()), ((200, None), version.clone()));
        tracker.refuse().await;
        let reply = pod.asks(5000, read(CHAMPION)).await;
        assert_eq!((marks(&reply), reply.json()), ((200, Some("last-good")), version));
        assert!(reply.header("age").is_some());

        // MLflow's client knows this, and asks again.
        let reply = pod.asks(5000, read(&CHAMPION.replace("champion", "challenger"))).await;
        assert_eq!(
            (marks(&reply), &reply.json()["error_code"]),
            ((503, Some("static")), &json!("TEMPORARILY_UNAVAILABLE"))
        );
        // What changes something fails as it would without the filter.
        assert_eq!(marks(&pod.asks(5000, write()).await), (503, None));

        // And whoever asks the recommender meanwhile is answered by the other filter.
        let reply = pod.asked(unpatched.port, Request::post("/predict", r#"{"user": 7}"#)).await;
        assert_eq!(marks(&reply), (200, Some("static")));
        assert_eq!(reply.json()["confidence"].as_f64(), Some(0.0));
        pod.assert_unharmed().await;
    }
}
