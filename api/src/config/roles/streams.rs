//! The buckets and streams that the roles file declares.

use std::{ops::RangeInclusive, time::Duration};

use toml::{Spanned, de::DeValue};

use super::{
    fields::{Fields, Mistakes},
    objects,
    pattern::{self, Place},
};
use crate::{
    claims::subject::overlap,
    streams::{DeclaredStream, Kind, Storage},
};

/// Buckets and streams at most.
const MAX_STREAMS: usize = 32;
/// Longest name, in bytes; a stream's has `KV_` before it for a bucket.
const MAX_NAME_BYTES: usize = 32;
/// Values of a key at most, as ADR-8 has it.
const MAX_HISTORY: u64 = 64;
/// Bytes of a message at most, as nats-server is configured.
pub(super) const MAX_MESSAGE_BYTES: u64 = 64 << 10;
/// Bytes of a stream at most: 1 TiB.
pub(super) const MAX_BYTES: u64 = 1 << 40;
/// Longest that a message is kept: ten years.
pub(super) const MAX_AGE_SECONDS: u64 = 10 * 366 * 24 * 60 * 60;
/// Consumers of a stream at most, as many as the account has.
const MAX_CONSUMERS: u64 = 1_024;
/// Servers that keep a stream at most.
pub(super) const MAX_REPLICAS: u64 = 5;
/// Subjects of a stream at most.
const MAX_SUBJECTS: usize = 16;
/// Longest that ids of messages are remembered: an hour.
const MAX_WINDOW_SECONDS: u64 = 60 * 60;
/// Shortest that nats-server remembers them. Nothing that writes to buckets uses ids, and somebody who
/// did could only keep others from writing.
const SHORTEST_WINDOW: Duration = Duration::from_millis(100);

/// A stream with its place in the file.
pub(super) type Placed = Spanned<DeclaredStream>;

/// Reads all of every kind.
pub(super) fn read(fields: &mut Fields<'_>, mistakes: &mut Mistakes<'_>) -> Vec<Placed> {
    let mut streams: Vec<Placed> = Vec::new();
    for list in ["bucket", "stream", "object_bucket"] {
        if !fields.has(list) {
            continue;
        }
        let Some(array) = fields.array(list, mistakes) else { continue };
        for value in array.into_inner() {
            let span = value.span();
            let stream = match list {
                "bucket" => read_stream(Kept::Values, value, mistakes),
                "stream" => read_stream(Kept::Messages, value, mistakes),
                _ => objects::read_bucket(value, mistakes),
            };
            let Some(stream) = stream else { continue };
            for other in &streams {
                let other = other.get_ref();
                let all = || {
                    other.subjects.iter().flat_map(|a| stream.subjects.iter().map(move |b| (a, b)))
                };
                if other.name == stream.name {
                    let problem = format!("there is another stream {:?}", stream.name);
                    mistakes.add(&span, problem);
                } else if let Some((theirs, ours)) = all().find(|(a, b)| overlap(a, b)) {
                    let problem = format!(
                        "{ours:?} overlaps with {theirs:?} of {}; nats-server stores a message in \
                         one stream only",
                        other.name
                    );
                    mistakes.add(&span, problem);
                }
            }
            if streams.len() == MAX_STREAMS {
                let problem = format!("there are more than {MAX_STREAMS} buckets and streams");
                mistakes.add(&span, problem);
                return streams;
            }
            streams.push(Spanned::new(span, stream));
        }
    }
    streams
}

/// What a [`DeclaredStream`] is read for here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Values,
    Messages,
}

const fn name(kind: Kept) -> &'static str {
    match kind {
        Kept::Values => "bucket",
        Kept::Messages => "stream",
    }
}

fn read_stream(
    kind: Kept,
    value: Spanned<DeValue<'_>>,
    mistakes: &mut Mistakes<'_>,
) -> Option<DeclaredStream> {
    let mut fields = Fields::of(value, format!("a {}", name(kind)), mistakes)?;
    let given = fields.required::<String>("name", mistakes).and_then(|given| {
        fields.rename(format!("{} {:?}", name(kind), given.get_ref()));
        check_name(&given, kind == Kept::Messages, mistakes)
    });
    let subjects = match kind {
        Kept::Values => given.as_ref().map(|bucket| vec![format!("$KV.{bucket}.>")]),
        Kept::Messages => read_subjects(&mut fields, mistakes),
    };
    let storage = read_storage(&mut fields, mistakes);
    let replicas = optional(&mut fields, "replicas", 1..=MAX_REPLICAS, "servers", mistakes);
    let max_bytes = fields.number("max_bytes", 1..=MAX_BYTES, "bytes", mistakes);
    let (size, count) = match kind {
        Kept::Values => ("max_value_bytes", "history"),
        Kept::Messages => ("max_message_bytes", "max_messages_per_subject"),
    };
    let max_message_bytes = fields.number(size, 1..=MAX_MESSAGE_BYTES, "bytes", mistakes);
    let max_per_subject = match kind {
        Kept::Values => fields.number(count, 1..=MAX_HISTORY, "values", mistakes).map(Some),
        Kept::Messages => optional(&mut fields, count, 1..=MAX_BYTES, "messages", mistakes),
    };
    let max_age = optional(&mut fields, "ttl_seconds", 1..=MAX_AGE_SECONDS, "seconds", mistakes);
    let max_consumers =
        optional(&mut fields, "max_consumers", 1..=MAX_CONSUMERS, "consumers", mistakes);
    let window = match kind {
        Kept::Values => Some(SHORTEST_WINDOW),
        Kept::Messages => fields
            .number("duplicate_window_seconds", 1..=MAX_WINDOW_SECONDS, "seconds", mistakes)
            .map(Duration::from_secs),
    };
    let span = fields.span().clone();
    let what = fields.what().to_owned();
    fields.finish(
        match kind {
            Kept::Values => {
                "name, history, ttl_seconds, max_bytes, max_value_bytes, max_consumers, storage, \
                 replicas"
            }
            Kept::Messages => {
                "name, subjects, ttl_seconds, max_bytes, max_message_bytes, \
                 max_messages_per_subject, max_consumers, duplicate_window_seconds, storage, replicas"
            }
        },
        mistakes,
    );
    let max_age = max_age?.map(Duration::from_secs);
    if let (Some(age), Some(window)) = (max_age, window)
        && age < window
    {
        let problem = format!(
            "{what}: duplicate_window_seconds is longer than ttl_seconds, which nats-server refuses"
        );
        mistakes.add(&span, problem);
    }
    let given = given?;
    Some(DeclaredStream {
        name: match kind {
            Kept::Values => DeclaredStream::of_bucket(&given),
            Kept::Messages => given,
        },
        subjects: subjects?,
        kind: match kind {
            Kept::Values => Kind::Bucket,
            Kept::Messages => Kind::Stream,
        },
        storage: storage?,
        replicas: replicas?.unwrap_or(1),
        max_bytes: max_bytes?,
        max_message_bytes: max_message_bytes?,
        max_per_subject: max_per_subject?,
        max_age,
        max_consumers: max_consumers?,
        duplicate_window: window?,
        // Until it is known who publishes there.
        confirms: true,
    })
}

/// The name, if it is one; a stream's own must not be that of a bucket's stream.
pub(super) fn check_name(
    given: &Spanned<String>,
    is_streams_own: bool,
    mistakes: &mut Mistakes<'_>,
) -> Option<String> {
    let name = given.get_ref();
    let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let problem = if name.is_empty() || name.len() > MAX_NAME_BYTES || !is_plain {
        format!("a name has 1 to {MAX_NAME_BYTES} of A-Z, a-z, 0-9, - and _")
    } else if is_streams_own && (name.starts_with("KV_") || name.starts_with("OBJ_")) {
        "a stream of that name is a bucket's; declare it as [[bucket]] or [[object_bucket]]"
            .to_owned()
    } else {
        return Some(name.clone());
    };
    mistakes.add(&given.span(), problem);
    None
}

fn read_subjects(fields: &mut Fields<'_>, mistakes: &mut Mistakes<'_>) -> Option<Vec<String>> {
    let subjects = fields.texts("subjects", mistakes)?;
    if subjects.get_ref().is_empty() || subjects.get_ref().len() > MAX_SUBJECTS {
        let problem = format!("{}: subjects are 1 to {MAX_SUBJECTS}", fields.what());
        mistakes.add(&subjects.span(), problem);
    }
    for subject in subjects.get_ref() {
        let text = subject.get_ref();
        let problem = if text.contains("{{") {
            Err("nothing is put in for names here; use wildcards".to_owned())
        } else if text.starts_with('$') {
            Err("NATS's own subjects are not for a stream; a bucket is a [[bucket]] or [[object_bucket]]".to_owned())
        } else {
            pattern::check(text, Place::Role)
        };
        if let Err(problem) = problem {
            mistakes.add(&subject.span(), format!("{}: {text:?}: {problem}", fields.what()));
        }
    }
    Some(subjects.into_inner().into_iter().map(Spanned::into_inner).collect())
}

pub(super) fn read_storage(
    fields: &mut Fields<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Storage> {
    let storage = fields.required::<String>("storage", mistakes)?;
    match storage.get_ref().as_str() {
        "file" => Some(Storage::File),
        "memory" => Some(Storage::Memory),
        _ => {
            let problem = format!("{}: storage is \"file\" or \"memory\"", fields.what());
            mistakes.add(&storage.span(), problem);
            None
        }
    }
}

/// A number that may be left out; `None` if it is there and wrong.
#[expect(clippy::option_option, reason = "wrong and absent are not the same")]
pub(super) fn optional(
    fields: &mut Fields<'_>,
    name: &str,
    range: RangeInclusive<u64>,
    unit: &str,
    mistakes: &mut Mistakes<'_>,
) -> Option<Option<u64>> {
    if fields.has(name) { fields.number(name, range, unit, mistakes).map(Some) } else { Some(None) }
}
