//! Streams of events, of which another region may take one over until its first event.

use helius_mesh::{Answer, Behaviour, Ending, Request, Says};

use super::{Case, answer, empty, post, status};

fn streaming(name: &'static str, regions: impl IntoIterator<Item = Behaviour>) -> Case {
    let mut request = post(50);
    request.headers.push(("accept".to_owned(), b"text/event-stream".to_vec()));
    Case::new(name, regions).asking(request).route(|route| route.covers_events = true)
}

fn stream(says: Says, edit: impl FnOnce(&mut Answer)) -> Behaviour {
    answer(200, |it| {
        (it.says, it.body, it.announces_length) = (says, Some(400), false);
        it.headers = vec![("content-type".to_owned(), b"text/event-stream".to_vec())];
        edit(it);
    })
}

pub(super) fn cases() -> Vec<Case> {
    let events = || stream(Says::Events, |_| ());
    let comments = || stream(Says::Comments, |_| ());
    let dripping = |says| stream(says, |it| (it.pieces, it.interval) = (8, 30));
    let ending = |says, ending| stream(says, |it| (it.pieces, it.interval, it.ending) = (4, 30, ending));
    vec![
        streaming("stream", [events(), events()]),
        streaming("stream-dripping", [dripping(Says::Events), events()]),
        streaming("stream-silent", [comments(), events()]),
        streaming("stream-silent-dripping", [dripping(Says::Comments), events()]),
        streaming("stream-silent-stalling", [ending(Says::Comments, Ending::Stall), events()]),
        streaming("stream-silent-breaking", [ending(Says::Comments, Ending::Break), events()]),
        streaming("stream-breaking", [ending(Says::Events, Ending::Break), events()]),
        streaming("stream-trailers", [stream(Says::Events, |it| it.ending = Ending::Trailers), events()]),
        streaming("stream-5xx", [status(500), events()]),
        streaming("stream-gone", [Behaviour::Refuse, events()]),
        streaming("stream-both-silent", [comments(), comments()]),
        streaming("stream-both-silent-refused", [comments(), comments()]).without_static(),
        streaming("stream-static", [Behaviour::Refuse, Behaviour::Refuse]),
        streaming("stream-json", [status(200), events()]),
        streaming("stream-204", [empty(204), events()]),
        streaming("stream-strict", [ending(Says::Events, Ending::Break), events()])
            .route(|route| route.is_strict = true),
        streaming("stream-uncovered", [comments(), events()]).route(|route| route.covers_events = false),
        streaming("stream-shadow", [comments(), events()]).shadow(),
        streaming("stream-unasked", [comments(), events()]).asking(Request::post("/assist", 50)),
    ]
}
