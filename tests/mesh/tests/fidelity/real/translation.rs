//! What clients and regions do, from the scenario's words into those of the stand-ins.

use std::time::Duration;

use helius_e2e::{
    Answer as RealAnswer, Behaviour as RealBehaviour, Ending as RealEnding, Protocol, Request as RealRequest,
};
use helius_mesh::{Answer, Behaviour, Ending, Request, answer_body, cut, id_of, region_name, request_body};

/// Every client writes to the same host.
const HOST: &str = "mesh.example";

pub(super) fn request(request: &Request, index: usize, protocol: Protocol) -> anyhow::Result<RealRequest> {
    let id = id_of(index);
    let mut real = RealRequest::new(request.method.parse()?, &request.path).header("x-id", &id);
    if protocol == Protocol::Http1 {
        real = real.header("host", HOST);
    }
    for (name, value) in &request.headers {
        real = real.header(name, value);
    }
    if let Some(length) = request.body {
        let body = request_body(request, &id);
        let is_simple = request.announces_length && request.pieces <= 1 && request.interval == 0 && !request.trailers;
        if is_simple {
            return Ok(real.body(body));
        }
        let mut pieces: Vec<_> = cut(&body, request.pieces).map(<[u8]>::to_vec).collect();
        if request.ends_separately {
            pieces.push(Vec::new());
        }
        real = real.chunks(pieces).pace(Duration::from_millis(request.interval));
        if request.announces_length {
            real = real.header("content-length", length.to_string());
        }
    }
    Ok(if request.trailers { real.trailer("x-trailer", "asked") } else { real })
}

pub(super) fn behaviour(behaviour: &Behaviour, region: usize, index: usize) -> RealBehaviour {
    match behaviour {
        Behaviour::Answer(answer) => self::answer(answer, region, index).into(),
        // How long it waits makes no difference to anybody.
        Behaviour::Break(_) => RealBehaviour::Reset,
        // Where there is no connection it does not matter what would be answered.
        _ => RealBehaviour::Hang,
    }
}

fn answer(answer: &Answer, region: usize, index: usize) -> RealAnswer {
    let id = id_of(index);
    let mut real = RealAnswer::status(answer.status).header("region", region_name(region)).header("x-id", &id);
    for (name, value) in &answer.headers {
        real = real.header(name, value);
    }
    real = real.after(Duration::from_millis(answer.after));
    if answer.is_early {
        real = real.early();
    }
    if answer.body.is_some() {
        real = body(real, answer, answer_body(answer, region, &id));
    }
    match answer.ending {
        Ending::Complete => real,
        Ending::Trailers => real.trailer("x-trailer", "answered"),
        Ending::Break => real.ending(RealEnding::Reset),
        Ending::Stall => real.ending(RealEnding::Stall),
    }
}

fn body(real: RealAnswer, answer: &Answer, body: Vec<u8>) -> RealAnswer {
    if answer.announces_length && answer.pieces <= 1 && answer.interval == 0 && answer.ending == Ending::Complete {
        return real.body(body);
    }
    let length = body.len().to_string();
    let mut pieces: Vec<_> = cut(&body, answer.pieces).map(<[u8]>::to_vec).collect();
    if matches!(answer.ending, Ending::Break | Ending::Stall) {
        pieces.pop();
    }
    // What is sent without any pause goes out with its length.
    let real = real.drip(pieces, Duration::from_millis(answer.interval.max(1)));
    if answer.announces_length { real.header("content-length", length) } else { real }
}
