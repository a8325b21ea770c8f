//! Who may change what is switched: whoever knows the token, or where there is none, whoever may open the Unix socket.

use std::io;
use std::path::PathBuf;

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use subtle::ConstantTimeEq;

use super::super::Sidecar;
use super::super::request::{Answer, Request};
use super::reply::error;
use crate::address::Address;
use crate::small_file;

/// Longest file with a token, in bytes.
const MAX_TOKEN: usize = 4 << 10;

/// The file that a token stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFile(PathBuf);

impl TokenFile {
    /// One at this path. It is read anew each time, so a token that is replaced counts at once.
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The token, without the space around it.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or says nothing.
    pub fn read(&self) -> io::Result<String> {
        let text = small_file::read(&self.0, MAX_TOKEN)?;
        let text = String::from_utf8(text).map_err(|_| io::Error::other("it is not UTF-8 text"))?;
        match text.trim() {
            "" => Err(io::Error::other("it is empty")),
            token => Ok(token.to_owned()),
        }
    }
}

/// The answer to a request that may not change anything.
pub(super) fn refusal(sidecar: &Sidecar, request: &Request) -> Option<Answer> {
    match (&sidecar.settings.token_file, &sidecar.settings.listen) {
        (Some(file), _) => match file.read() {
            Ok(token) if is_given(request, &token) => None,
            Ok(_) => Some(unauthorised()),
            Err(why) => {
                let path = file.0.display();
                Some(error(
                    StatusCode::FORBIDDEN,
                    &format!("the token file {path} cannot be read: {why}; write a token into it"),
                ))
            }
        },
        (None, Address::Unix(_)) => None,
        (None, Address::Tcp(_)) => Some(error(
            StatusCode::FORBIDDEN,
            "this agent only tells what is switched: whoever is in the pod reaches its port; give it --token-file, or let \
             it listen on --listen unix:/path",
        )),
    }
}

fn is_given(request: &Request, token: &str) -> bool {
    let given = request.head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((scheme, given)) = given.and_then(|value| value.split_once(' ')) else { return false };
    // As long for a token that is nearly right as for any other of its length.
    scheme.eq_ignore_ascii_case("bearer") && bool::from(given.trim().as_bytes().ct_eq(token.as_bytes()))
}

fn unauthorised() -> Answer {
    let why = "the token is missing or wrong; send it as \"authorization: Bearer TOKEN\" (--token-file)";
    let mut answer = error(StatusCode::UNAUTHORIZED, why);
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}
