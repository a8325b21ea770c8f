//! URIs, as far as references between the parts of one document need them (RFC 3986, section 5.2).

/// What `reference` means where `base` is in force. Neither has a fragment.
pub(super) fn resolve(base: &str, reference: &str) -> String {
    if reference.is_empty() || scheme(reference).is_some() {
        return if reference.is_empty() { base } else { reference }.to_owned();
    }
    let (scheme, rest) = scheme(base).unwrap_or(("", base));
    let (base_authority, base_path) = authority(rest);
    let (base_path, _) = query(base_path);
    let (authority, path) = authority(reference);
    let (path, query) = query(path);
    let mut uri = [scheme, if authority.is_empty() { base_authority } else { authority }].concat();
    let folder = match base_path.rfind('/') {
        _ if !authority.is_empty() || path.starts_with('/') => "",
        _ if path.is_empty() => base_path,
        Some(end) => base_path.get(..=end).unwrap_or_default(),
        None if base_authority.is_empty() => "",
        None => "/",
    };
    uri.push_str(&without_dots(folder, path));
    uri.push_str(query);
    uri
}

/// The text in two, the second beginning with the first byte that is `end`.
fn split(text: &str, end: fn(u8) -> bool) -> (&str, &str) {
    let at = text.bytes().position(end).unwrap_or(text.len());
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// What stands before a query, and the query with its question mark.
fn query(path: &str) -> (&str, &str) {
    split(path, |byte| byte == b'?')
}

/// The scheme with its colon, and the rest.
fn scheme(uri: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = split(uri, |byte| matches!(byte, b':' | b'/' | b'?'));
    let is_scheme = scheme.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && rest.starts_with(':');
    if is_scheme { uri.split_at_checked(scheme.len().saturating_add(1)) } else { None }
}

/// The authority with its slashes, and the rest.
fn authority(rest: &str) -> (&str, &str) {
    let Some(name) = rest.strip_prefix("//") else { return ("", rest) };
    let (_, path) = split(name, |byte| matches!(byte, b'/' | b'?'));
    rest.split_at_checked(rest.len().saturating_sub(path.len())).unwrap_or((rest, ""))
}

/// A path of two parts whose `.` and `..` are resolved.
fn without_dots(folder: &str, path: &str) -> String {
    let path = [folder, path].concat();
    let mut kept: Vec<&str> = Vec::new();
    let mut is_folder = false;
    for segment in path.split('/') {
        is_folder = matches!(segment, "." | "..");
        match segment {
            // The first is what stands before a leading slash.
            ".." if kept.as_slice() != [""] => drop(kept.pop()),
            "." | ".." => {}
            segment => kept.push(segment),
        }
    }
    if is_folder {
        kept.push("");
    }
    kept.join("/")
}

/// A fragment whose `%XX` are resolved; what is no such escape stands for itself.
pub(super) fn unescape(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let [first, after @ ..] = rest {
        let code = match rest {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)).map(|(high, low)| high.wrapping_shl(4) | low),
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_as_the_rfc_has_them() {
        // Its own examples (RFC 3986, section 5.4), without fragments.
        let base = "http://a/b/c/d;p?q";
        for (reference, uri) in [
            ("g:h", "g:h"),
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"),
            ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
        ] {
            assert_eq!(resolve(base, reference), uri, "{reference}");
        }
    }

    #[test]
    fn a_base_may_be_missing_or_no_path() {
        assert_eq!(resolve("", "item.json"), "item.json");
        assert_eq!(resolve("folder/list.json", "item.json"), "folder/item.json");
        assert_eq!(resolve("http://a", "item"), "http://a/item");
        assert_eq!(resolve("http://a?q", "item"), "http://a/item");
        assert_eq!(resolve("urn:uuid:1234", ""), "urn:uuid:1234");
        assert_eq!(resolve("urn:uuid:1234", "urn:uuid:5678"), "urn:uuid:5678");
        assert_eq!(resolve("file:///folder/file.json", "other.json"), "file:///folder/other.json");
    }

    #[test]
    fn percent_signs_are_resolved_where_they_are_escapes() {
        assert_eq!(unescape("/$defs/percent%25field/foo%22bar/%C3%a9"), "/$defs/percent%field/foo\"bar/é");
        assert_eq!(unescape("100%/%4/%zz%"), "100%/%4/%zz%");
        assert_eq!(unescape("%ff"), "\u{fffd}");
    }
}
