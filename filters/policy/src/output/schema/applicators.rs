//! Keywords that apply other schemas: the vocabularies "core", "applicator" and "unevaluated".

use super::assertions;
use super::compile::Compiler;
use super::keyword::{Condition, Contains, Keyword, Keywords, PlaceId, Properties};
use super::site::{Site, below};
use crate::output::json::Value;

impl Compiler {
    /// Reads the schemas that are there to be referred to.
    pub(super) fn definitions(&mut self, site: &mut Site<'_, '_>) {
        self.by_key(site, "$defs");
        // The name before 2019, which some tools still write; the meta-schema of 2020-12 keeps it for them.
        self.by_key(site, "definitions");
    }

    /// Reads all others, in the order in which they are judged.
    pub(super) fn applicators(&mut self, site: &mut Site<'_, '_>, keywords: &mut Keywords) {
        keywords.push(self.properties(site));
        keywords.push(self.one(site, "propertyNames").map(Keyword::PropertyNames));
        keywords.push(self.items(site));
        keywords.push(self.contains(site));
        keywords.push(self.reference(site));
        keywords.push(self.list(site, "allOf").map(Keyword::AllOf));
        keywords.push(self.list(site, "anyOf").map(Keyword::AnyOf));
        keywords.push(self.list(site, "oneOf").map(Keyword::OneOf));
        keywords.push(self.one(site, "not").map(Keyword::Not));
        keywords.push(self.condition(site));
        let dependents = self.by_key(site, "dependentSchemas");
        keywords.push(dependents.map(Keyword::DependentSchemas));
        keywords.push(self.one(site, "unevaluatedItems").map(Keyword::UnevaluatedItems));
        keywords.push(self.one(site, "unevaluatedProperties").map(Keyword::UnevaluatedProperties));
    }

    fn one(&mut self, site: &mut Site<'_, '_>, keyword: &'static str) -> Option<PlaceId> {
        let value = site.take(keyword)?;
        Some(self.below(value, site.below(keyword)))
    }

    fn list(&mut self, site: &mut Site<'_, '_>, keyword: &'static str) -> Option<Vec<PlaceId>> {
        let hint = "write a list of schemas";
        let items = site.list(keyword, hint)?;
        if items.is_empty() {
            return site.refuse(keyword, "is an empty list", hint);
        }
        let below = site.below(keyword);
        Some(items.iter().enumerate().map(|(index, item)| self.below(item, format!("{below}/{index}"))).collect())
    }

    /// Schemas by key, sorted.
    fn by_key(&mut self, site: &mut Site<'_, '_>, keyword: &'static str) -> Option<Vec<(String, PlaceId)>> {
        let members = site.map(keyword, "write keys with schemas")?;
        let pointer = site.below(keyword);
        let read = |(key, value): &(_, _)| {
            let key: &str = AsRef::as_ref(key);
            (key.to_owned(), self.below(value, below(&pointer, key)))
        };
        Some(members.iter().map(read).collect())
    }

    fn properties(&mut self, site: &mut Site<'_, '_>) -> Option<Keyword> {
        let named = self.by_key(site, "properties");
        let by_pattern = self.by_key(site, "patternProperties");
        let additional = self.one(site, "additionalProperties");
        if named.is_none() && by_pattern.is_none() && additional.is_none() {
            return None;
        }
        let mut patterns = Vec::new();
        for (text, place) in by_pattern.unwrap_or_default() {
            let keyword = below("patternProperties", &text);
            let pattern = assertions::pattern(site, &keyword, &text, &mut self.pattern_weight);
            patterns.extend(pattern.map(|pattern| (pattern, place)));
        }
        let properties = Properties { named: named.unwrap_or_default(), patterns, additional };
        Some(Keyword::Properties(Box::new(properties)))
    }

    fn items(&mut self, site: &mut Site<'_, '_>) -> Option<Keyword> {
        let prefix = self.list(site, "prefixItems");
        let rest = match site.take("items") {
            Some(Value::List(_)) => {
                site.refuse("items", "is a list", "write prefixItems for a list, and items for what follows it")
            }
            value => value.map(|value| self.below(value, site.below("items"))),
        };
        (prefix.is_some() || rest.is_some()).then(|| Keyword::Items { prefix: prefix.unwrap_or_default(), rest })
    }

    fn contains(&mut self, site: &mut Site<'_, '_>) -> Option<Keyword> {
        // Without `contains` the bounds mean nothing, but they have to be bounds.
        let (min, max) = (site.count("minContains"), site.count("maxContains"));
        let place = self.one(site, "contains")?;
        Some(Keyword::Contains(Contains { place, min, max }))
    }

    fn reference(&mut self, site: &mut Site<'_, '_>) -> Option<Keyword> {
        let uri = site.text("$ref")?;
        Some(Keyword::Ref(self.refer(uri, site.pointer.clone())))
    }

    fn condition(&mut self, site: &mut Site<'_, '_>) -> Option<Keyword> {
        // Without `if` the others mean nothing, but they may be referred to.
        let (then, otherwise) = (self.one(site, "then"), self.one(site, "else"));
        let test = self.one(site, "if")?;
        Some(Keyword::If(Condition { test, then, otherwise }))
    }
}
