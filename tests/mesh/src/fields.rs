//! Header fields: names in lower case, values as bytes.

use std::fmt;

/// Header fields in the order in which they came, pseudo-headers included.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    /// The first value of `name`.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_slice())
    }

    /// The first value of `name` as text; empty where it is none.
    pub fn text(&self, name: &str) -> &str {
        self.first(name).and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default()
    }

    /// Every value of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(it, _)| it == name).map(|(_, value)| value.as_slice())
    }

    /// Puts a field behind those that are there.
    pub fn push(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.0.push((name.to_owned(), value.as_ref().to_vec()));
    }

    /// Gives `name` this value and no other.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        match self.0.iter().position(|(it, _)| it == name) {
            Some(index) => {
                self.0[index].1 = value.as_ref().to_vec();
                let mut seen = false;
                self.0.retain(|(it, _)| it != name || !std::mem::replace(&mut seen, true));
            }
            None => self.push(name, value),
        }
    }

    /// Removes every field for whose name `keep` says no.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// How many fields there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `:status`, if there is one that can be read.
    pub fn status(&self) -> Option<u16> {
        self.text(":status").parse().ok()
    }
}

impl<'a, V: AsRef<[u8]>> FromIterator<(&'a str, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'a str, V)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.to_owned(), value.as_ref().to_vec())).collect())
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("{")?;
        for (index, (name, value)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(formatter, "{comma}{name}: {}", value.escape_ascii())?;
        }
        formatter.write_str("}")
    }
}
