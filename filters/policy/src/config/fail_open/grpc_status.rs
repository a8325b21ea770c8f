//! What a gRPC client gets when no region answers: `fail_open.grpc`.

use super::super::scalar;
use super::super::section::Cursor;
use crate::grpc::{GrpcStatus, NAMES};

pub(super) fn read(at: &mut Cursor<'_, '_>) -> Option<GrpcStatus> {
    let mut section = at.section("write a section such as { status: UNAVAILABLE, message: no region answers }")?;
    let hint = "write the name of a status, such as UNAVAILABLE";
    let code = section.required("status", hint, |at| {
        let codes: Vec<(&'static str, u8)> = NAMES.into_iter().zip(0..).collect();
        scalar::word(at, "a gRPC status", &codes)
    });
    let message = section.optional("message", |at| {
        let text = scalar::header_value(at)?;
        if text.is_ascii() && !text.contains('%') {
            return Some(text);
        }
        at.refuse("is not plain ASCII without %", "write what every gRPC library shows as it stands")
    });
    section.close();
    Some(GrpcStatus { code: code?, message: message?.unwrap_or_default() })
}
