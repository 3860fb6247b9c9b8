//! Who may have a role.

use std::ops::Range;

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::fields::{Fields, Mistakes};
use crate::{
    config::auth::is_key_name,
    mint::{CallerRule, ClaimPath, ClaimRule, ClaimTest},
};

/// Reads the entries of `given_to`.
pub(super) fn read(
    fields: &mut Fields<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<CallerRule>> {
    let Some(array) = fields.array("given_to", mistakes) else {
        fields.missing("given_to", mistakes);
        return None;
    };
    if array.get_ref().is_empty() {
        let problem = format!("{}: given_to is empty, so nobody can have the role", fields.what());
        mistakes.add(&array.span(), problem);
    }
    let mut rules = Vec::new();
    for value in array.into_inner() {
        let what = format!("{}: an entry of given_to", fields.what());
        rules.extend(read_rule(value, what, mistakes));
    }
    Some(rules)
}

/// Reads entries of the same form that stand elsewhere, in a list of this name.
pub(super) fn read_elsewhere(
    values: Vec<toml::Value>,
    list: &str,
) -> Result<Vec<CallerRule>, String> {
    let mut rules = Vec::new();
    for value in values {
        // Once more as text: what reads an entry tells mistakes by their place in one.
        let text = format!("entry = {value}");
        let mut mistakes = Mistakes::new(&text);
        let read = DeTable::parse(&text).map(|table| {
            let value = Fields::new(table, list).take("entry")?;
            read_rule(value, format!("an entry of {list}"), &mut mistakes)
        });
        rules.extend(read.map_err(|error| error.message().to_owned())?);
        let mistakes: Vec<String> =
            mistakes.into_sorted().into_iter().map(|mistake| mistake.problem).collect();
        if !mistakes.is_empty() {
            return Err(mistakes.join("; "));
        }
    }
    Ok(rules)
}

fn read_rule(
    value: Spanned<DeValue<'_>>,
    what: String,
    mistakes: &mut Mistakes<'_>,
) -> Option<CallerRule> {
    let mut fields = Fields::of(value, what, mistakes)?;
    let guest = fields.optional::<bool>("guest", mistakes);
    let user = fields.optional::<bool>("user", mistakes);
    let api_key = fields.optional::<String>("api_key", mistakes);
    let issuer = fields.optional::<String>("issuer", mistakes);
    let claim = fields.optional::<String>("claim", mistakes);
    let equals = fields.optional::<toml::Value>("equals", mistakes);
    let contains = fields.optional::<toml::Value>("contains", mistakes);
    let (what, span) = (fields.what().to_owned(), fields.span().clone());
    fields.finish("guest, user, api_key, issuer, claim, equals, contains", mistakes);

    let mut refuse = |at: &Range<usize>, problem: &str| {
        mistakes.add(at, format!("{what} {problem}"));
        None
    };
    for flag in [&guest, &user].into_iter().flatten() {
        if !*flag.get_ref() {
            return refuse(&flag.span(), "says false; leave the entry out");
        }
    }
    let about_user = issuer.is_some() || claim.is_some() || equals.is_some() || contains.is_some();
    let kinds = [guest.is_some(), api_key.is_some(), user.is_some() || about_user];
    if kinds.iter().filter(|kind| **kind).count() != 1 {
        return refuse(
            &span,
            "is one of { guest = true }, { api_key = \"name\" }, { user = true } or a choice \
             among users by issuer and claim",
        );
    }
    if guest.is_some() {
        return Some(CallerRule::Guest);
    }
    if let Some(name) = api_key {
        if !is_key_name(name.get_ref()) {
            return refuse(&name.span(), "names an API key that cannot have this name");
        }
        return Some(CallerRule::ApiKey(name.into_inner()));
    }
    for text in [&issuer, &claim].into_iter().flatten() {
        if text.get_ref().is_empty() {
            return refuse(&text.span(), "holds an empty text");
        }
    }
    let claim = match (claim, equals, contains) {
        (None, None, None) => None,
        (Some(path), Some(value), None) => {
            let test = ClaimTest::Equals(scalar(value, &what, mistakes)?);
            Some(ClaimRule { path: ClaimPath(path.into_inner()), test })
        }
        (Some(path), None, Some(value)) => {
            let test = ClaimTest::Contains(scalar(value, &what, mistakes)?);
            Some(ClaimRule { path: ClaimPath(path.into_inner()), test })
        }
        _ => return refuse(&span, "needs claim with either equals or contains"),
    };
    Some(CallerRule::User { issuer: issuer.map(Spanned::into_inner), claim })
}

/// A value that claims can be compared with.
fn scalar(value: Spanned<toml::Value>, what: &str, mistakes: &mut Mistakes<'_>) -> Option<Value> {
    let span = value.span();
    match value.into_inner() {
        toml::Value::String(text) => Some(text.into()),
        toml::Value::Integer(number) => Some(number.into()),
        toml::Value::Boolean(flag) => Some(flag.into()),
        other => {
            let found = other.type_str();
            let problem = format!(
                "{what} compares with a text, a whole number, true or false, not with type {found}"
            );
            mistakes.add(&span, problem);
            None
        }
    }
}
