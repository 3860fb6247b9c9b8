//! The consumers of a role.

use std::{ops::Range, time::Duration};

use toml::{Spanned, de::DeValue};

use super::{
    channels::ChannelLists,
    fields::{Fields, Mistakes},
    pattern::{self, Place},
    streams::Placed,
};
use crate::{
    claims::Permission,
    mint::{ConsumerTemplate, DeliverPolicy, with_wildcards},
    streams::{DeclaredStream, Kind},
};

/// Filters of one consumer at most.
const MAX_FILTERS: usize = 16;
/// Longest that a consumer is kept while nobody listens, in seconds: a day.
const MAX_INACTIVE_SECONDS: u64 = 24 * 60 * 60;
/// Where every consumer delivers.
const INBOX: &str = "_INBOX.{{subject()}}.>";

/// A consumer with its place in the file.
pub(super) struct PlacedConsumer {
    pub(super) template: ConsumerTemplate,
    pub(super) span: Range<usize>,
}

/// The consumers of a role; `None` if one of them cannot be read.
pub(super) fn read(
    fields: &mut Fields<'_>,
    declared: &[Placed],
    channels: Option<&[ChannelLists]>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<PlacedConsumer>> {
    if !fields.has("consumer") {
        return Some(Vec::new());
    }
    let array = fields.array("consumer", mistakes)?;
    let mut consumers: Vec<PlacedConsumer> = Vec::new();
    let mut all_read = true;
    for value in array.into_inner() {
        let what = fields.what().to_owned();
        let Some(consumer) = read_consumer(value, &what, declared, channels, mistakes) else {
            all_read = false;
            continue;
        };
        if consumers.iter().any(|other| other.template.stream == consumer.template.stream) {
            let problem = format!("{what}: there is another consumer of the same stream");
            mistakes.add(&consumer.span, problem);
        }
        consumers.push(consumer);
    }
    all_read.then_some(consumers)
}

/// Checks that holders may listen where their consumers deliver.
pub(super) fn check_inbox(
    consumers: &[PlacedConsumer],
    subscribe: &Permission,
    what: &str,
    mistakes: &mut Mistakes<'_>,
) {
    if let Some(first) = consumers.first()
        && !subscribe.allow.iter().any(|pattern| pattern == INBOX)
    {
        let problem =
            format!("{what}: consumers deliver to the holder's inbox; subscribe to {INBOX:?}");
        mistakes.add(&first.span, problem);
    }
}

fn read_consumer(
    value: Spanned<DeValue<'_>>,
    role: &str,
    declared: &[Placed],
    channels: Option<&[ChannelLists]>,
    mistakes: &mut Mistakes<'_>,
) -> Option<PlacedConsumer> {
    let mut fields = Fields::of(value, format!("{role}: a consumer"), mistakes)?;
    let stream = read_stream(&mut fields, declared, mistakes);
    let filter = read_filter(&mut fields, stream, channels, mistakes);
    let deliver_policy = read_deliver_policy(&mut fields, mistakes);
    let inactive =
        fields.number("inactive_threshold_seconds", 1..=MAX_INACTIVE_SECONDS, "seconds", mistakes);
    let span = fields.span().clone();
    fields.finish("stream, bucket, filter, deliver_policy, inactive_threshold_seconds", mistakes);
    let template = ConsumerTemplate {
        stream: stream?.name.clone(),
        filter: filter?,
        deliver_policy: deliver_policy?,
        inactive_threshold: Duration::from_secs(inactive?),
    };
    Some(PlacedConsumer { template, span })
}

fn read_stream<'d>(
    fields: &mut Fields<'_>,
    declared: &'d [Placed],
    mistakes: &mut Mistakes<'_>,
) -> Option<&'d DeclaredStream> {
    let stream = fields.optional::<String>("stream", mistakes);
    let bucket = fields.optional::<String>("bucket", mistakes);
    let (name, span) = match (stream, bucket) {
        (Some(stream), None) => (stream.get_ref().clone(), stream.span()),
        (None, Some(bucket)) => (DeclaredStream::of_bucket(bucket.get_ref()), bucket.span()),
        _ => {
            let problem = format!("{} is of either a stream or a bucket", fields.what());
            mistakes.add(fields.span(), problem);
            return None;
        }
    };
    let found = declared
        .iter()
        .map(Spanned::get_ref)
        // Of objects, a holder would get the pieces.
        .filter(|stream| !matches!(stream.kind, Kind::Objects { .. }))
        .find(|stream| stream.name == name);
    if found.is_none() {
        let problem =
            format!("{}: no [[stream]] or [[bucket]] of that name is declared here", fields.what());
        mistakes.add(&span, problem);
    } else {
        fields.rename(format!("{} of {name}", fields.what()));
    }
    found
}

fn read_filter(
    fields: &mut Fields<'_>,
    stream: Option<&DeclaredStream>,
    channels: Option<&[ChannelLists]>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<String>> {
    let filter = fields.texts("filter", mistakes)?;
    if filter.get_ref().is_empty() || filter.get_ref().len() > MAX_FILTERS {
        let problem = format!("{}: filter holds 1 to {MAX_FILTERS} subjects", fields.what());
        mistakes.add(&filter.span(), problem);
    }
    for text in filter.get_ref() {
        // What is wrong with channels is told already, and what they are called is not known.
        let Some(channels) = channels else { break };
        let pattern = text.get_ref();
        let of_channel = channels
            .iter()
            .map(|lists| lists.kind.name.as_str())
            .find(|kind| pattern.contains(&format!("{{{{tag({kind})}}}}")));
        let is_within = || {
            stream.is_none_or(|stream| {
                let stored = Permission::only(stream.subjects.iter().cloned());
                stored.subscription_verdict(&with_wildcards(pattern)).verdict.is_allowed()
            })
        };
        let problem = match pattern::check(pattern, of_channel.map_or(Place::Role, Place::Channel))
        {
            Err(problem) => problem,
            Ok(()) if !is_within() => "the stream doesn't keep all of that".to_owned(),
            Ok(()) => continue,
        };
        mistakes.add(&text.span(), format!("{}: {pattern:?}: {problem}", fields.what()));
    }
    Some(filter.into_inner().into_iter().map(Spanned::into_inner).collect())
}

fn read_deliver_policy(
    fields: &mut Fields<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<DeliverPolicy> {
    let policy = fields.required::<String>("deliver_policy", mistakes)?;
    match policy.get_ref().as_str() {
        "all" => Some(DeliverPolicy::All),
        "last_per_subject" => Some(DeliverPolicy::LastPerSubject),
        "new" => Some(DeliverPolicy::New),
        _ => {
            let problem = format!(
                "{}: deliver_policy is \"all\", \"last_per_subject\" or \"new\"",
                fields.what()
            );
            mistakes.add(&policy.span(), problem);
            None
        }
    }
}
