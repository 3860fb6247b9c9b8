//! The channels of a role.

use std::ops::Range;

use toml::{Spanned, de::DeValue};

use super::{
    fields::{Fields, Mistakes},
    lists::{self, Direction},
    pattern::Place,
};
use crate::mint::{AllowedValues, ChannelKind, ClaimPath, MAX_KIND_BYTES, is_token};

/// Channels of one kind at most. The size of the token is the narrower limit.
const MAX_CHANNELS: u64 = 64;

/// A kind of channel with what it opens.
pub(super) struct ChannelLists {
    pub(super) kind: ChannelKind,
    pub(super) span: Range<usize>,
    pub(super) publish: Vec<String>,
    pub(super) subscribe: Vec<String>,
}

/// The channels of a role; `None` if one of them cannot be read.
pub(super) fn read(
    fields: &mut Fields<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<ChannelLists>> {
    if !fields.has("channel") {
        return Some(Vec::new());
    }
    let array = fields.array("channel", mistakes)?;
    let mut channels: Vec<ChannelLists> = Vec::new();
    let mut all_read = true;
    for value in array.into_inner() {
        let what = fields.what().to_owned();
        let Some(channel) = read_channel(value, &what, mistakes) else {
            all_read = false;
            continue;
        };
        if channels.iter().any(|other| other.kind.name == channel.kind.name) {
            let problem = format!("{what}: there is another channel {:?}", channel.kind.name);
            mistakes.add(&channel.span, problem);
        }
        channels.push(channel);
    }
    all_read.then_some(channels)
}

fn read_channel(
    value: Spanned<DeValue<'_>>,
    role: &str,
    mistakes: &mut Mistakes<'_>,
) -> Option<ChannelLists> {
    let mut fields = Fields::of(value, format!("{role}: a channel"), mistakes)?;
    let name = fields.required::<String>("name", mistakes)?;
    fields.rename(format!("{role}: channel {:?}", name.get_ref()));
    if name.get_ref().len() > MAX_KIND_BYTES || !is_token(name.get_ref()) {
        let problem = format!(
            "{}: a channel's name has 1 to {MAX_KIND_BYTES} of a-z, 0-9, - and _",
            fields.what()
        );
        mistakes.add(&name.span(), problem);
        return None;
    }
    let name = name.into_inner();
    let values = read_values(&mut fields, mistakes);
    let max = fields.number("max", 1..=MAX_CHANNELS, "channels", mistakes);
    let place = Place::Channel(&name);
    let publish = lists::read_patterns("publish", Direction::Publish, place, &mut fields, mistakes);
    let subscribe =
        lists::read_patterns("subscribe", Direction::Subscribe, place, &mut fields, mistakes);
    let (what, span) = (fields.what().to_owned(), fields.span().clone());
    fields.finish("name, values, max, publish, subscribe", mistakes);
    let (publish, subscribe) = (publish?, subscribe?);
    if publish.is_empty() && subscribe.is_empty() {
        mistakes.add(&span, format!("{what}: it opens nothing; name a subject or leave it out"));
    }
    let kind = ChannelKind { name, values: values?, max: usize::try_from(max?).ok()? };
    Some(ChannelLists { kind, span, publish, subscribe })
}

fn read_values(fields: &mut Fields<'_>, mistakes: &mut Mistakes<'_>) -> Option<AllowedValues> {
    let Some(value) = fields.take("values") else {
        fields.missing("values", mistakes);
        return None;
    };
    let mut fields = Fields::of(value, format!("{}: values", fields.what()), mistakes)?;
    let any = fields.optional::<bool>("any", mistakes);
    let claim = fields.optional::<String>("claim", mistakes);
    let (what, span) = (fields.what().to_owned(), fields.span().clone());
    fields.finish("any, claim", mistakes);
    match (any.map(Spanned::into_inner), claim.map(Spanned::into_inner)) {
        (Some(true), None) => Some(AllowedValues::Any),
        (None, Some(claim)) if !claim.is_empty() => Some(AllowedValues::InClaim(ClaimPath(claim))),
        _ => {
            mistakes.add(&span, format!("{what} is {{ any = true }} or {{ claim = \"name\" }}"));
            None
        }
    }
}
