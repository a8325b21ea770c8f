//! Host calls on headers and bodies. What may be touched depends on the phase of the stream.

use helius_policy::http::Headers;

use super::{Host, Outcome, Status, set_field};

/// The numbers of header maps and buffers in proxy-wasm 0.2.1.
const REQUEST_HEADERS: u32 = 0;
const REQUEST_TRAILERS: u32 = 1;
const RESPONSE_HEADERS: u32 = 2;
const RESPONSE_TRAILERS: u32 = 3;
const CALL_HEADERS: u32 = 6;
const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const CALL_BODY: u32 = 4;
const PLUGIN_CONFIGURATION: u32 = 7;

impl Host {
    /// A header map, where the filter may see it now.
    pub(super) fn map(&mut self, map: u32) -> Outcome<&mut Headers> {
        if map == CALL_HEADERS {
            return Ok(&mut self.call_answer.as_mut().ok_or(Status::BadArgument)?.headers);
        }
        let context = self.effective;
        let stream = self.stream(context)?;
        let (fields, is_shown) = match map {
            REQUEST_HEADERS => (&mut stream.request.headers, stream.request.headers_shown),
            REQUEST_TRAILERS => (&mut stream.request.trailers, stream.request.trailers_shown),
            RESPONSE_HEADERS => (&mut stream.response.headers, stream.response.headers_shown),
            RESPONSE_TRAILERS => (&mut stream.response.trailers, stream.response.trailers_shown),
            _ => return Err(Status::BadArgument),
        };
        fields.as_mut().filter(|_| is_shown || stream.is_logging).ok_or(Status::BadArgument)
    }

    pub(super) fn set_map(&mut self, map: u32, fields: Headers) -> Outcome {
        if map == RESPONSE_HEADERS {
            let status = fields.status();
            assert!(status.is_some_and(|status| (200..=599).contains(&status)), "an answer becomes {fields:?}");
            let context = self.effective;
            self.stream(context)?.ledger.replaces();
        }
        *self.map_to_change(map)? = fields;
        Ok(())
    }

    pub(super) fn add_field(&mut self, map: u32, name: &str, value: &[u8]) -> Outcome {
        self.map_to_change(map)?.push(name, value);
        Ok(())
    }

    pub(super) fn replace_field(&mut self, map: u32, name: &str, value: &[u8]) -> Outcome {
        set_field(self.map_to_change(map)?, name, value);
        Ok(())
    }

    pub(super) fn remove_field(&mut self, map: u32, name: &str) -> Outcome {
        self.map_to_change(map)?.retain(|it| it != name);
        Ok(())
    }

    fn map_to_change(&mut self, map: u32) -> Outcome<&mut Headers> {
        let context = self.effective;
        self.stream(context)?.ledger.is_changed();
        self.map(map)
    }

    /// What the filter may see of a buffer now.
    pub(super) fn buffer(&mut self, buffer: u32, from: usize, most: usize) -> Outcome<Vec<u8>> {
        let (current, effective) = (self.current, self.effective);
        let bytes = match buffer {
            REQUEST_BODY => self.stream(effective)?.request.body(),
            RESPONSE_BODY => self.stream(effective)?.response.body(),
            CALL_BODY => self.call_answer.as_mut().map(|answer| &mut answer.body),
            PLUGIN_CONFIGURATION => self.roots.get_mut(&current).map(|root| &mut root.document),
            _ => return Err(Status::BadArgument),
        };
        let bytes = bytes.ok_or(Status::NotFound)?;
        let from = from.min(bytes.len());
        Ok(bytes[from..from.saturating_add(most).min(bytes.len())].to_vec())
    }

    /// Envoy only replaces from the start, or appends.
    pub(super) fn set_buffer(&mut self, buffer: u32, from: usize, count: usize, given: &[u8]) -> Outcome {
        let context = self.effective;
        let stream = self.stream(context)?;
        stream.ledger.is_changed();
        let body = match buffer {
            REQUEST_BODY => stream.request.body(),
            RESPONSE_BODY => stream.response.body(),
            _ => return Err(Status::BadArgument),
        };
        let body = body.ok_or(Status::NotFound)?;
        if from == 0 {
            body.splice(..count.min(body.len()), given.iter().copied());
        } else if from >= body.len() {
            body.extend_from_slice(given);
        } else {
            return Err(Status::BadArgument);
        }
        Ok(())
    }
}
