//! Reading a TOML table field by field, so that one mistake does not hide the next.

use std::ops::Range;

use serde::{Deserialize, de::IntoDeserializer};
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use super::Mistake;

/// Collects mistakes by their place in the text, and what is none and may surprise.
pub(super) struct Mistakes<'t> {
    text: &'t str,
    found: Vec<(usize, String)>,
    surprising: Vec<(usize, String)>,
}

impl<'t> Mistakes<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new(), surprising: Vec::new() }
    }

    pub(super) fn add(&mut self, span: &Range<usize>, problem: impl Into<String>) {
        self.found.push((span.start, problem.into()));
    }

    /// Tells of what is no mistake and may surprise.
    pub(super) fn warn(&mut self, span: &Range<usize>, surprise: String) {
        self.surprising.push((span.start, surprise));
    }

    /// What the TOML reader has to say about a text or value.
    pub(super) fn add_toml(&mut self, error: &toml::de::Error, otherwise: &Range<usize>) {
        self.add(&error.span().unwrap_or_else(|| otherwise.clone()), error.message());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All mistakes, in the text's order.
    pub(super) fn into_sorted(self) -> Vec<Mistake> {
        sorted(self.text, self.found)
    }

    /// All that may surprise, in the text's order.
    pub(super) fn into_warnings(self) -> Vec<Mistake> {
        sorted(self.text, self.surprising)
    }
}

fn sorted(text: &str, mut found: Vec<(usize, String)>) -> Vec<Mistake> {
    found.sort_by_key(|(at, _)| *at);
    let place = |at: usize| {
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    };
    found
        .into_iter()
        .map(|(at, problem)| {
            let (line, column) = place(at);
            Mistake { line, column, problem }
        })
        .collect()
}

/// The fields of a table that have not been read yet.
pub(super) struct Fields<'i> {
    unread: Vec<(Spanned<toml::de::DeString<'i>>, Spanned<DeValue<'i>>)>,
    span: Range<usize>,
    /// What the table describes, for messages.
    what: String,
}

impl<'i> Fields<'i> {
    pub(super) fn new(table: Spanned<DeTable<'i>>, what: impl Into<String>) -> Self {
        let span = table.span();
        Self { unread: table.into_inner().into_iter().collect(), span, what: what.into() }
    }

    /// The fields of a value that should be a table.
    pub(super) fn of(
        value: Spanned<DeValue<'i>>,
        what: impl Into<String>,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Self> {
        let (span, what) = (value.span(), what.into());
        match value.into_inner() {
            DeValue::Table(table) => Some(Self::new(Spanned::new(span, table), what)),
            other => {
                let found = other.type_str();
                mistakes.add(&span, format!("{what} is a table, not of type {found}"));
                None
            }
        }
    }

    pub(super) fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// What messages call the table from now on.
    pub(super) fn rename(&mut self, what: impl Into<String>) {
        self.what = what.into();
    }

    pub(super) fn what(&self) -> &str {
        &self.what
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.unread.iter().any(|(key, _)| key.get_ref() == name)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Spanned<DeValue<'i>>> {
        let at = self.unread.iter().position(|(key, _)| key.get_ref() == name)?;
        Some(self.unread.swap_remove(at).1)
    }

    /// A field that must be there.
    pub(super) fn required<T: Deserialize<'i>>(
        &mut self,
        name: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Spanned<T>> {
        let Some(value) = self.take(name) else {
            self.missing(name, mistakes);
            return None;
        };
        self.convert(name, value, mistakes)
    }

    /// A field that may be absent.
    pub(super) fn optional<T: Deserialize<'i>>(
        &mut self,
        name: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Spanned<T>> {
        let value = self.take(name)?;
        self.convert(name, value, mistakes)
    }

    /// A number within a range.
    pub(super) fn number(
        &mut self,
        name: &str,
        range: std::ops::RangeInclusive<u64>,
        unit: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<u64> {
        // Signed, so that -1 is out of range and not of the wrong type.
        let number = self.required::<i64>(name, mistakes)?;
        let value = u64::try_from(*number.get_ref()).ok().filter(|value| range.contains(value));
        if value.is_none() {
            let (low, high) = range.into_inner();
            let problem = format!("{}: {name} must be {low} to {high} {unit}", self.what);
            mistakes.add(&number.span(), problem);
        }
        value
    }

    /// A field whose values are read one by one.
    pub(super) fn array(
        &mut self,
        name: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Spanned<DeArray<'i>>> {
        let value = self.take(name)?;
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(array) => Some(Spanned::new(span, array)),
            other => {
                let found = other.type_str();
                let problem = format!("{}: {name} is a list, not of type {found}", self.what);
                mistakes.add(&span, problem);
                None
            }
        }
    }

    /// A list of texts, each with its place.
    pub(super) fn texts(
        &mut self,
        name: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Spanned<Vec<Spanned<String>>>> {
        self.required(name, mistakes)
    }

    pub(super) fn missing(&self, name: &str, mistakes: &mut Mistakes<'_>) {
        mistakes.add(&self.span, format!("{}: {name} is missing", self.what));
    }

    /// Whatever has not been read is unknown.
    pub(super) fn finish(self, known: &str, mistakes: &mut Mistakes<'_>) {
        for (key, _) in &self.unread {
            let problem =
                format!("{}: there is no field {:?}; known are {known}", self.what, key.get_ref());
            mistakes.add(&key.span(), problem);
        }
    }

    fn convert<T: Deserialize<'i>>(
        &self,
        name: &str,
        value: Spanned<DeValue<'i>>,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Spanned<T>> {
        let span = value.span();
        match T::deserialize(value.into_deserializer()) {
            Ok(read) => Some(Spanned::new(span, read)),
            Err(error) => {
                let at = error.span().unwrap_or(span);
                mistakes.add(&at, format!("{}: {name}: {}", self.what, error.message()));
                None
            }
        }
    }
}
