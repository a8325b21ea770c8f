//! The kinds of exchange, and what one of each costs.

use helius_mesh::{
    Agent, AgentEvent, Answer, Behaviour, Breaker, Change, Cost, Document, Exchange, Fixed, Flaw, Grpc, LastGood,
    Limit, MaxShare, Mode, Output, Override, Request, Route, Says, Scenario, judge, play, region_name,
};

/// The plainest kind, and the one with everything that a healthy request may meet.
pub(crate) const HEALTHY: &str = "healthy POST, 50 bytes";
pub(crate) const GUARDED_AND_LIMITED: &str = "guarded and limited route, healthy POST";
/// The same while operators have switched something on it.
pub(crate) const SWITCHED: &str = "guarded and limited route, overrides in force, healthy POST";

/// Every kind by its name.
pub(crate) fn kinds() -> Vec<(&'static str, Exchange)> {
    let get = || Exchange::new(Request::new("GET", "/assist"));
    let post = || Exchange::new(Request::post("/assist", 50));
    let status = |status| Behaviour::Answer(Answer::status(status));
    let empty = || Behaviour::Answer(Answer::empty(500));
    let untouched = |name: &str, value: &str| {
        let mut exchange = post();
        exchange.request.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        exchange
    };
    let on = |path: &str, mut exchange: Exchange| {
        path.clone_into(&mut exchange.request.path);
        exchange
    };
    // A good answer in JSON of so many bytes; of 0 is as short as it can be.
    let json = |size, pieces| {
        Behaviour::Answer(Answer {
            body: Some(size),
            pieces,
            announces_length: pieces == 1,
            ..Answer::saying(Says::Good)
        })
    };
    let event = || {
        let headers = vec![("content-type".to_owned(), b"text/event-stream".to_vec())];
        Behaviour::Answer(Answer { headers, ..Answer::saying(Says::Events) })
    };
    let invalid = || Behaviour::Answer(Answer::saying(Says::Flawed(Flaw::WrongType)));
    vec![
        ("healthy GET", get()),
        (HEALTHY, post()),
        ("healthy POST, 40 KiB in 7 pieces", {
            let mut exchange = Exchange::new(Request::post("/assist", 40 << 10));
            exchange.request.pieces = 7;
            exchange
        }),
        ("healthy POST, answer in 20 pieces", {
            post().regions([Behaviour::Answer(Answer { body: Some(2000), pieces: 20, ..Answer::status(200) })])
        }),
        ("no route", Exchange::new(Request::post("/elsewhere", 50))),
        ("gRPC", untouched("content-type", "application/grpc")),
        ("4xx", post().regions([status(404)])),
        ("429, secondary better", post().regions([status(429)])),
        ("429, nobody better", post().regions([status(429), status(500)])),
        ("connect, secondary", post().regions([Behaviour::Refuse])),
        ("timeout, secondary", post().regions([Behaviour::Hang])),
        ("5xx with body, secondary in place", post().regions([status(500)])),
        ("5xx without body, secondary by reply", post().regions([empty()])),
        ("connect, static", post().regions([Behaviour::Refuse, Behaviour::Refuse])),
        ("5xx, unknown cluster, static", post().regions([status(500), Behaviour::UnknownCluster])),
        ("method not replayable, static", {
            Exchange::new(Request { method: "DELETE".to_owned(), ..Request::new("GET", "/assist") })
                .regions([status(500)])
        }),
        ("limited route, healthy POST", on("/limited", post())),
        ("limited route, one too many", on("/full", post())),
        ("guarded route, healthy GET", on("/guarded", get())),
        ("guarded route, healthy POST", on("/guarded", post())),
        (GUARDED_AND_LIMITED, on("/both", post())),
        (SWITCHED, on("/switched", post())),
        ("breaker open, secondary", on("/open", post().regions([Behaviour::Refuse]))),
        ("breaker forced open, static", on("/shut", post())),
        ("judged route, healthy POST, 120 bytes", on("/judged", post().regions([json(0, 1)]))),
        ("judged route, healthy POST, 600 bytes", on("/judged", post().regions([json(600, 1)]))),
        ("judged route, 600 bytes in 6 pieces", on("/judged", post().regions([json(600, 6)]))),
        ("judged route, 40 KiB in 3 pieces", on("/judged", post().regions([json(40 << 10, 3)]))),
        ("judged and guarded route, 600 bytes", on("/judged-guarded", post().regions([json(600, 1)]))),
        ("judged route, invalid, secondary", on("/judged", post().regions([invalid(), json(600, 1)]))),
        ("judged route, both invalid, static", on("/judged", post().regions([invalid(), invalid()]))),
        ("last good kept, healthy POST", on("/keeping", post())),
        ("strict route, healthy POST", on("/strict", post())),
        ("strict route, 5xx, secondary", on("/strict", post().regions([status(500)]))),
        ("drilled route, healthy POST", on("/drilled", post())),
        ("bounded route, healthy POST", on("/bounded", post())),
        ("bounded route, static", on("/bounded", post().regions([Behaviour::Refuse, Behaviour::Refuse]))),
        ("static answers by segment, healthy POST", on("/segments", post())),
        ("covered stream, one event at once", {
            on("/covering", untouched("accept", "text/event-stream").regions([event()]))
        }),
        ("covered gRPC, healthy", on("/covering", untouched("content-type", "application/grpc"))),
        ("covered gRPC, 503", {
            on("/covering", untouched("content-type", "application/grpc").regions([status(503)]))
        }),
        ("client leaves", {
            let mut exchange = post().regions([Behaviour::Hang]);
            exchange.leaves_after = Some(50);
            exchange
        }),
    ]
}

/// What the last of several such exchanges costs: the first ones grow tables and buffers, and write to the log.
pub(crate) fn cost_of(exchange: &Exchange) -> Cost {
    let limited = |name: &str, per_second, burst| {
        let limit = Some(Limit { per_second, burst });
        Route { limit, ..Route::new(name, 2) }
    };
    let guarded = |name: &str, breaker| Route { breaker: Some(breaker), ..Route::new(name, 2) };
    // Open from the first failure on, for longer than all four take.
    let touchy = Breaker { consecutive_failures: 1, open: (60_000, 60_000, 0), ..Breaker::default() };
    // The last of the four comes within a second of the third.
    let routes = vec![
        Route::new("assist", 2),
        limited("limited", 1000, 1000),
        limited("full", 1, 1),
        guarded("guarded", Breaker::default()),
        Route { breaker: Some(Breaker::default()), ..limited("both", 1000, 1000) },
        Route { breaker: Some(Breaker::default()), ..limited("switched", 1000, 1000) },
        guarded("open", touchy),
        Route { last_good: Some(LastGood::default()), ..Route::new("keeping", 2) },
        guarded("shut", Breaker { mode: Mode::ForcedOpen, ..touchy }),
        Route { is_strict: true, ..Route::new("strict", 2) },
        Route { drill: Some(100), ..Route::new("drilled", 2) },
        Route { max_share: Some(MaxShare { share: 100, window: 60_000, min_requests: 1 }), ..Route::new("bounded", 2) },
        Route { fixed_for_gold: Some(Fixed { status: 200, body: "for gold".to_owned() }), ..Route::new("segments", 2) },
        Route { covers_events: true, grpc: Some(Grpc::Unavailable), ..Route::new("covering", 2) },
        Route { output: Some(Output::default()), ..Route::new("judged", 2) },
        Route { output: Some(Output::default()), ..guarded("judged-guarded", Breaker::default()) },
    ];
    let mut scenario = Scenario::new(Document::new(routes));
    if exchange.request.path == "/switched" {
        scenario.document.agent = Some(Agent::default());
        for change in [Change::RateLimit(500), Change::Drain(region_name(1))] {
            scenario = scenario.when(0, AgentEvent::Set(Override::new(change, 60_000).on("switched")));
        }
    }
    // Late enough that none comes while another is there, and close enough that the log stays silent.
    for index in 0..4 {
        let mut again = exchange.clone();
        again.at = if index < 3 { index * 3000 } else { 2 * 3000 + 700 };
        scenario = scenario.with(again);
    }
    let outcome = play(&scenario, 0, false);
    assert_eq!(judge(&outcome), []);
    let has_overrides = !outcome.records[3].overrides.is_empty();
    assert_eq!(has_overrides, !scenario.agent.is_empty());
    outcome.records[3].cost
}
