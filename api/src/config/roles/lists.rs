//! What a role may publish and subscribe to.

use std::ops::Range;

use toml::Spanned;

use super::{
    fields::{Fields, Mistakes},
    pattern::{self, Place},
};
use crate::claims::Permission;

/// Patterns of one list at most: each adds to the account's JWT.
const MAX_PATTERNS: usize = 32;

/// What a list is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Publish,
    Subscribe,
}

/// A role's own lists for one direction.
pub(super) struct Lists {
    name: &'static str,
    span: Range<usize>,
    allow: Vec<String>,
    deny: Vec<String>,
}

pub(super) fn read(
    direction: Direction,
    fields: &mut Fields<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Lists> {
    let name = match direction {
        Direction::Publish => "publish",
        Direction::Subscribe => "subscribe",
    };
    let Some(value) = fields.take(name) else {
        fields.missing(name, mistakes);
        return None;
    };
    let span = value.span();
    let mut fields = Fields::of(value, format!("{}: {name}", fields.what()), mistakes)?;
    let allow = read_patterns("allow", direction, Place::Role, &mut fields, mistakes);
    let deny = read_patterns("deny", direction, Place::Deny, &mut fields, mistakes);
    fields.finish("allow, deny", mistakes);
    Some(Lists { name, span, allow: allow?, deny: deny? })
}

impl Lists {
    /// The permission with what channels open on top.
    pub(super) fn with(
        mut self,
        opened: Vec<String>,
        what: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Permission> {
        self.allow.extend(opened);
        let denies_all = self.deny.iter().any(|pattern| pattern == ">");
        let problem = match (self.allow.is_empty(), denies_all) {
            (true, false) => {
                "allows nothing by name, which nats-server reads as everything that is not \
                 denied; for nothing at all write allow = [] and deny = [\">\"]"
            }
            (false, true) => {
                "denies `>`, so that nothing of what it or a channel allows can be used; leave \
                 `>` out"
            }
            _ => return Some(Permission { allow: self.allow, deny: self.deny }),
        };
        mistakes.add(&self.span, format!("{what}: {} {problem}", self.name));
        None
    }
}

/// Reads a list of patterns and checks each.
pub(super) fn read_patterns(
    name: &str,
    direction: Direction,
    place: Place<'_>,
    fields: &mut Fields<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<String>> {
    let patterns = fields.texts(name, mistakes)?;
    if patterns.get_ref().len() > MAX_PATTERNS {
        let problem = format!("{}: {name} has more than {MAX_PATTERNS} patterns", fields.what());
        mistakes.add(&patterns.span(), problem);
    }
    for text in patterns.get_ref() {
        if let Err(problem) = pattern::check(text.get_ref(), place) {
            let what = fields.what();
            mistakes.add(&text.span(), format!("{what}: {:?}: {problem}", text.get_ref()));
        }
        let wider = pattern::widest(text.get_ref());
        if let Some(wider) = wider.filter(|_| direction == Direction::Subscribe)
            && place != Place::Deny
            && !patterns.get_ref().iter().any(|other| *other.get_ref() == wider)
        {
            let surprise = format!(
                "{}: {:?} lets subscribe to {wider:?}, too, and so to all that is deeper: \
                 nats-server compares the wildcards of a subscription as tokens",
                fields.what(),
                text.get_ref()
            );
            mistakes.warn(&text.span(), surprise);
        }
    }
    Some(patterns.into_inner().into_iter().map(Spanned::into_inner).collect())
}
