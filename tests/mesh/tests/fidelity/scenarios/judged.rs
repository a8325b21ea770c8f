//! Answers that are judged by what they say.

use helius_mesh::{Answer, Behaviour, Ending, Flaw, Output, Says};

use super::{Case, serve, status};

/// A route that judges its answers by a schema.
fn judged(name: &'static str, regions: impl IntoIterator<Item = Behaviour>) -> Case {
    Case::new(name, regions).route(|route| route.output = Some(Output { max_body: 50_000, ..Output::default() }))
}

fn good(edit: impl FnOnce(&mut Answer)) -> Behaviour {
    let mut answer = Answer::saying(Says::Good);
    edit(&mut answer);
    Behaviour::Answer(answer)
}

fn wrong(flaw: Flaw) -> Behaviour {
    Behaviour::Answer(Answer::saying(Says::Flawed(flaw)))
}

pub(super) fn cases() -> Vec<Case> {
    let plain = || good(|_| ());
    let in_pieces = |size, pieces, interval| {
        good(|it| (it.body, it.pieces, it.interval, it.announces_length) = (Some(size), pieces, interval, false))
    };
    let ending = |ending| good(|it| (it.body, it.pieces, it.ending) = (Some(4000), 2, ending));
    let compressed = good(|it| {
        it.says = Says::Noise;
        it.headers = vec![("content-encoding".to_owned(), b"gzip".to_vec())];
    });
    vec![
        judged("judged-valid", [plain(), plain()]),
        judged("judged-valid-in-pieces", [in_pieces(4000, 5, 20), plain()]),
        judged("judged-valid-long-in-pieces", [in_pieces(45_000, 5, 20), plain()]),
        judged("judged-valid-trailers", [good(|it| it.ending = Ending::Trailers), plain()]),
        judged("judged-wrong-type", [wrong(Flaw::WrongType), plain()]),
        judged("judged-truncated", [wrong(Flaw::Truncated), plain()]),
        judged("judged-twice-the-key", [wrong(Flaw::TwiceTheKey), plain()]),
        judged("judged-no-number", [wrong(Flaw::NotANumber), plain()]),
        judged("judged-no-json", [serve(), plain()]),
        judged("judged-too-long", [in_pieces(60_000, 4, 20), plain()]),
        judged("judged-both-invalid", [wrong(Flaw::MissingKey), wrong(Flaw::MissingKey)]),
        judged("judged-refusal", [wrong(Flaw::MissingKey), wrong(Flaw::MissingKey)]).without_static(),
        judged("judged-secondary", [status(500), wrong(Flaw::MissingKey)]),
        judged("judged-compressed", [compressed, plain()]),
        judged("judged-dripping", [in_pieces(4000, 20, 60), plain()]),
        judged("judged-stalling", [ending(Ending::Stall), plain()]),
        judged("judged-breaking", [ending(Ending::Break), plain()]),
        judged("judged-unlisted", [wrong(Flaw::WrongType), plain()]).route(|route| route.fail_on = vec!["5xx"]),
        judged("judged-shadow", [wrong(Flaw::WrongType), plain()]).shadow(),
    ]
}
