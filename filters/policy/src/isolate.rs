//! Isolation: requests that originate in certain regions are turned away, so that one region's trouble stays there.

use crate::http::{Headers, Response};

/// The header that says for which region a request was turned away.
pub const ISOLATED: &str = "x-helius-isolated";

/// What a 503 says to a person who reads it.
const TEXT: &str = "this region is isolated\n";

/// Where a request says which region it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolation {
    region_header: String,
    /// Those that the document names, and those that operators have named for a while.
    regions: IsolatedRegions,
}

/// Regions whose requests are turned away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IsolatedRegions(Vec<String>);

impl IsolatedRegions {
    /// The one that is `region`.
    fn find(&self, region: &[u8]) -> Option<&str> {
        self.0.iter().map(String::as_str).find(|it| it.as_bytes() == region)
    }
}

impl FromIterator<String> for IsolatedRegions {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

impl Isolation {
    /// Reads a request's region from `region_header`, whose name is in lower case.
    pub const fn new(region_header: String, regions: IsolatedRegions) -> Self {
        Self { region_header, regions }
    }

    /// The same, with this region isolated as well.
    #[must_use]
    pub fn isolating(mut self, region: &str) -> Self {
        self.regions.0.push(region.to_owned());
        self
    }

    /// The answer that turns a request away, if it comes from an isolated region. One that does not say where it comes
    /// from is let in.
    pub fn refusal(&self, headers: &Headers) -> Option<Response> {
        let region = self.regions.find(headers.first(&self.region_header)?)?;
        let headers = [(ISOLATED, region), ("content-type", "text/plain; charset=utf-8")].into_iter().collect();
        Some(Response { status: 503, headers, body: TEXT.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(values: &[&[u8]], isolated: &[&str]) -> Option<Response> {
        let isolated = isolated.iter().map(|&name| name.to_owned()).collect();
        let isolation = Isolation::new("x-helius-region".to_owned(), isolated);
        let headers: Vec<_> = values.iter().map(|value| ("x-helius-region".to_owned(), value.to_vec())).collect();
        isolation.refusal(&headers.into())
    }

    #[test]
    fn a_request_from_an_isolated_region_is_turned_away_and_told_which() {
        let response = refusal(&[b"eu-south-1"], &["us-east-1", "eu-south-1"]).unwrap();
        assert_eq!(response.status, 503);
        assert_eq!(response.headers.first("x-helius-isolated"), Some(b"eu-south-1".as_slice()));
        assert_eq!(response.headers.first("content-type"), Some(b"text/plain; charset=utf-8".as_slice()));
        assert_eq!(response.body, b"this region is isolated\n");
    }

    #[test]
    fn every_other_request_is_let_in() {
        let isolated = ["eu-south-1", "us-east-1"];
        let others: [&[&[u8]]; 7] = [
            &[],
            &[b""],
            &[b"eu-south-2"],
            &[b"eu-south-1 "],
            &[b"EU-SOUTH-1"],
            &[b"\xff"],
            // Only the first value counts.
            &[b"eu-west-1", b"eu-south-1"],
        ];
        for values in others {
            assert_eq!(refusal(values, &isolated), None, "{values:?}");
        }
        assert_eq!(refusal(&[b"eu-south-1"], &[]), None);
    }

    #[test]
    fn an_operator_isolates_another_one_besides_those_of_the_document() {
        let named = IsolatedRegions::from_iter(["named-by-the-document".to_owned()]);
        let isolation = Isolation::new("x-helius-region".to_owned(), named).isolating("eu-south-1");
        let is_refused = |region| isolation.refusal(&Headers::from_iter([("x-helius-region", region)])).is_some();
        let regions = ["named-by-the-document", "eu-south-1", "us-east-1"];
        assert_eq!(regions.map(is_refused), [true, true, false]);
    }
}
