//! What a configuration means, in sentences, route by route.
//!
//! Read from the document and not from the filter's own types: what is not written is told as the schema's default, and
//! as what it is.

use std::fmt::Write;

use serde_json::Value;

use crate::schema::SCHEMA;

/// Explains a document that the filter has found good.
pub fn explain(document: &Value) -> String {
    let defaults = serde_json::from_str(SCHEMA).unwrap_or(Value::Null);
    let mut text = format!("{}: ", word(&document["service"]));
    text.push_str(match document["mode"].as_str() {
        Some("shadow") => "decisions are made and counted, and nothing is changed (shadow)\n",
        _ => "decisions are carried out\n",
    });
    if let Some(cluster) = document["agent"]["cluster"].as_str() {
        let _ = writeln!(text, "what operators switch for a while is asked of the agent behind the cluster {cluster}");
    }
    let routes = document["routes"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, route) in routes.iter().enumerate() {
        let of_route = defaults.pointer("/properties/routes/items").unwrap_or(&Value::Null);
        let _ = writeln!(text, "\n{}. {}: {}", index + 1, word(&route["name"]), matched(&route["match"]));
        for sentence in sentences(At { value: route, schema: of_route }) {
            let _ = writeln!(text, "   - {sentence}");
        }
    }
    if routes.is_empty() {
        text.push_str("\nNo route: every request passes untouched.\n");
    } else {
        text.push_str("\nEvery other request passes untouched.\n");
    }
    text
}

/// A place in the document, and in the schema.
#[derive(Clone, Copy)]
struct At<'a> {
    value: &'a Value,
    schema: &'a Value,
}

impl At<'_> {
    /// What stands at a key, or nothing.
    fn at(self, key: &str) -> Self {
        Self { value: &self.value[key], schema: &self.schema["properties"][key] }
    }

    /// The same, if it is there.
    fn get(self, key: &str) -> Option<Self> {
        self.value.get(key).map(|_| self.at(key))
    }

    /// The value at a key in words, or its default.
    fn say(self, key: &str) -> String {
        let at = self.at(key);
        word(if at.value.is_null() { &at.schema["default"] } else { at.value })
    }

    fn is(self, key: &str) -> bool {
        self.value[key] == true
    }
}

fn sentences(route: At<'_>) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(admission) = route.get("admission") {
        admitted(admission, &mut said);
    }
    match route.get("upstream") {
        Some(upstream) => asked(upstream, &mut said),
        None => said.push("the region is Envoy's own route, as it is".to_owned()),
    }
    if let Some(output) = route.get("output") {
        judged(output, &mut said);
    }
    if let Some(drill) = route.get("drill") {
        said.push(format!(
            "{} of the exchanges that went well are followed by a drill of the lower rungs",
            percent(drill, "share")
        ));
    }
    match route.get("fail_open") {
        Some(fail_open) => made_up(fail_open, &mut said),
        None if route.value.get("upstream").is_some() => {
            said.push("when no region answers, the client gets the primary's own failure, marked".to_owned());
        }
        None => {}
    }
    said
}

fn matched(shape: &Value) -> String {
    let path = if let Some(path) = shape["path"].as_str() {
        format!("requests to {path}")
    } else if let Some(prefix) = shape["path_prefix"].as_str() {
        format!("requests to paths that begin with {prefix}")
    } else if let Some(pattern) = shape["path_regex"].as_str() {
        format!("requests to paths that match {pattern}")
    } else {
        "requests".to_owned()
    };
    let methods = shape["methods"].as_array().map(|_| format!(" by {}", list(&shape["methods"]))).unwrap_or_default();
    let fields = shape["headers"].as_object().into_iter().flatten();
    let headers: Vec<_> = fields.map(|(name, value)| format!(", with {name}: {}", word(value))).collect();
    path + &methods + &headers.concat()
}

fn admitted(admission: At<'_>, said: &mut Vec<String>) {
    if let Some(isolate) = admission.get("isolate").filter(|it| !list(&it.value["regions"]).is_empty()) {
        let header = isolate.say("region_header");
        said.push(format!("who comes from {} ({header}) is turned away with 503", list(&isolate.value["regions"])));
    }
    let limits = admission.at("rate_limit");
    for limit in limits.value.as_array().into_iter().flatten() {
        let limit = At { value: limit, schema: &limits.schema["items"] };
        let whom = match list(&limit.value["key"]) {
            keys if keys.is_empty() => "all requests together".to_owned(),
            keys => format!("those who agree in {keys}"),
        };
        let burst = limit.get("burst").map(|_| format!(", {} at once", limit.say("burst"))).unwrap_or_default();
        said.push(format!("{whom} may ask {}{burst}; more are turned away with 429", limit.say("rate")));
    }
    if let Some(dedupe) = admission.get("dedupe") {
        said.push(format!(
            "a message, known by its {}, goes on once in {}; its duplicates get {}{}",
            word(&dedupe.value["key"]),
            dedupe.say("window"),
            dedupe.say("status"),
            if dedupe.is("replay_answer") { " or the first one's answer" } else { "" }
        ));
    }
}

fn asked(upstream: At<'_>, said: &mut Vec<String>) {
    let regions = upstream.value["regions"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, region) in regions.iter().enumerate() {
        let name = word(&region["name"]);
        let time = region.get("timeout").map_or_else(|| "45 % of the whole time".to_owned(), word);
        said.push(match index {
            0 if upstream.is("strict") => {
                format!("{name} is called first by the filter itself, and has {time} for its whole answer")
            }
            0 => format!("{name} is asked first, by Envoy's own route, and has {time} until its answer begins"),
            _ => format!(
                "then {name} is called (cluster {}), and has {time} for its whole answer",
                word(&region["cluster"])
            ),
        });
    }
    said.push(format!("all of that takes at most {}", upstream.say("timeout")));
    if regions.len() > 1 {
        let failures = match &upstream.value["fail_on"] {
            Value::Null => "any failure".to_owned(),
            failures => list(failures),
        };
        let replay = upstream.at("replay");
        said.push(format!(
            "the next region is asked after {failures}; what may be sent a second time is {} with a body of at most {}",
            replay.say("methods"),
            replay.say("max_body")
        ));
    }
    if upstream.is("event_streams") {
        said.push("a stream of events may be taken over until its first event".to_owned());
    }
    if let Some(breaker) = upstream.get("circuit_breaker") {
        said.push(left_alone(breaker));
    }
}

fn left_alone(breaker: At<'_>) -> String {
    match breaker.say("mode").as_str() {
        "off" => return "no region is ever left alone".to_owned(),
        "forced_open" => return "every region is left alone, whatever it does (forced open)".to_owned(),
        "forced_closed" => return "no region is left alone, whatever it does (forced closed)".to_owned(),
        _ => {}
    }
    let is_watched = breaker.say("mode") == "shadow";
    let (open, half_open) = (breaker.at("open"), breaker.at("half_open"));
    format!(
        "a region {} left alone after {} failures in a row, or when {} of at least {} calls in {} fail; for {} to {}, and \
         until {} probes have gone well",
        if is_watched { "would be" } else { "is" },
        breaker.say("consecutive_failures"),
        percent(breaker, "failure_rate"),
        breaker.say("min_requests"),
        breaker.say("window"),
        open.say("base"),
        open.say("max"),
        half_open.say("successes"),
    )
}

fn judged(output: At<'_>, said: &mut Vec<String>) {
    let mut rules = Vec::new();
    if output.get("schema").is_some() {
        rules.push("obeys the JSON Schema".to_owned());
    }
    if let Some(least) = output.get("min_confidence") {
        rules.push(format!("says at least {} at {}", least.say("bound"), least.say("pointer")));
    }
    if output.is("finite_numbers") {
        rules.push("has no number beyond a double".to_owned());
    }
    if output.get("non_empty").is_some() {
        rules.push(format!("has something at {}", output.say("non_empty")));
    }
    if let Some(unique) = output.get("unique_ids") {
        rules.push(format!("has no {} twice in {}", unique.say("key"), unique.say("list")));
    }
    rules.push(format!("is at most {} long", output.say("max_body")));
    said.push(format!("an answer is one only if it {}", joined(&rules, "and")));
}

fn made_up(fail_open: At<'_>, said: &mut Vec<String>) {
    let mut rungs = Vec::new();
    if let Some(last_good) = fail_open.get("last_good") {
        let (key, max_stale) = (last_good.say("key"), last_good.say("max_stale"));
        // Where only the other limit is written, it may be the longer one.
        let age = match (last_good.get("fresh"), last_good.get("max_stale")) {
            (Some(_), None) => format!("the longer of {} and {max_stale}", last_good.say("fresh")),
            _ => max_stale,
        };
        rungs.push(format!("the newest good answer to the same {key}, up to {age} old"));
    }
    let entries = fail_open.value["static"].as_array().map(Vec::as_slice).unwrap_or_default();
    let statuses: Vec<_> = entries.iter().map(|it| it.get("status").map_or_else(|| "200".to_owned(), word)).collect();
    match &statuses[..] {
        [] => {}
        [only] => rungs.push(format!("the static answer ({only})")),
        all => rungs.push(format!("one of {} static answers ({})", all.len(), all.join(", "))),
    }
    if !rungs.is_empty() {
        said.push(format!("when no region answers, the client gets {}", rungs.join(", or else ")));
    }
    if let Some(grpc) = fail_open.get("grpc") {
        said.push(format!("gRPC gets the status {} instead of a failure", grpc.say("status")));
    }
    if let Some(max_share) = fail_open.get("max_share") {
        let (share, window) = (percent(max_share, "share"), max_share.say("window"));
        said.push(format!(
            "no more than {share} of the answers in {window} are made up; beyond that the route says 503"
        ));
    }
}

/// A share in hundredths.
fn percent(at: At<'_>, key: &str) -> String {
    let share = at.say(key).parse::<f64>().unwrap_or_default();
    format!("{} %", (share * 10_000.0).round() / 100.0)
}

/// A value as one would say it.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(_) => list(value),
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| format!("{key} {}", word(value))).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

fn list(value: &Value) -> String {
    let words: Vec<_> = value.as_array().into_iter().flatten().map(word).collect();
    joined(&words, "and")
}

fn joined(words: &[String], last: &str) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [others @ .., end] => format!("{} {last} {end}", others.join(", ")),
    }
}
