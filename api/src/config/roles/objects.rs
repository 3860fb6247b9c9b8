//! The object buckets of the file, and what a role may have of them.

use std::time::Duration;

use toml::{Spanned, de::DeValue};

use super::{
    channels::ChannelLists,
    fields::{Fields, Mistakes},
    streams::{
        MAX_AGE_SECONDS, MAX_BYTES, MAX_MESSAGE_BYTES, MAX_REPLICAS, Placed, check_name, optional,
        read_storage,
    },
};
use crate::{
    mint::CallerRule,
    objects::{ObjectPattern, ObjectRights},
    streams::{DeclaredStream, Kind},
};

/// Patterns of one list at most.
const MAX_PATTERNS: usize = 32;
/// How long ids of messages are remembered, if it is not less than the age of objects: nats-server's
/// own default, for clients that send a piece again.
const WINDOW: Duration = Duration::from_secs(120);

/// Reads an object bucket.
pub(super) fn read_bucket(
    value: Spanned<DeValue<'_>>,
    mistakes: &mut Mistakes<'_>,
) -> Option<DeclaredStream> {
    let mut fields = Fields::of(value, "an object_bucket", mistakes)?;
    let given = fields.required::<String>("name", mistakes).and_then(|given| {
        fields.rename(format!("object_bucket {:?}", given.get_ref()));
        check_name(&given, false, mistakes)
    });
    let storage = read_storage(&mut fields, mistakes);
    let replicas = optional(&mut fields, "replicas", 1..=MAX_REPLICAS, "servers", mistakes);
    let max_bytes = fields.number("max_bytes", 1..=MAX_BYTES, "bytes", mistakes);
    let max_object_bytes =
        fields.number("max_object_bytes", 1..=max_bytes.unwrap_or(MAX_BYTES), "bytes", mistakes);
    let max_age = optional(&mut fields, "ttl_seconds", 1..=MAX_AGE_SECONDS, "seconds", mistakes);
    fields.finish("name, storage, replicas, max_bytes, max_object_bytes, ttl_seconds", mistakes);
    let max_age = max_age?.map(Duration::from_secs);
    let given = given?;
    Some(DeclaredStream {
        name: DeclaredStream::of_object_bucket(&given),
        subjects: vec![format!("$O.{given}.C.>"), format!("$O.{given}.M.>")],
        kind: Kind::Objects { max_object_bytes: max_object_bytes? },
        storage: storage?,
        replicas: replicas?.unwrap_or(1),
        max_bytes: max_bytes?,
        max_message_bytes: MAX_MESSAGE_BYTES,
        max_per_subject: None,
        max_age,
        max_consumers: None,
        duplicate_window: max_age.map_or(WINDOW, |age| age.min(WINDOW)),
        confirms: true,
    })
}

/// The objects of a role; `None` if one of them cannot be read.
pub(super) fn read(
    fields: &mut Fields<'_>,
    declared: &[Placed],
    channels: Option<&[ChannelLists]>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<Spanned<ObjectRights>>> {
    if !fields.has("objects") {
        return Some(Vec::new());
    }
    let array = fields.array("objects", mistakes)?;
    let mut all: Vec<Spanned<ObjectRights>> = Vec::new();
    let mut all_read = true;
    for value in array.into_inner() {
        let (what, span) = (fields.what().to_owned(), value.span());
        let Some(rights) = read_rights(value, &what, declared, channels, mistakes) else {
            all_read = false;
            continue;
        };
        if all.iter().any(|other| other.get_ref().bucket == rights.bucket) {
            let problem = format!("{what}: there is another [[role.objects]] of the same bucket");
            mistakes.add(&span, problem);
        }
        all.push(Spanned::new(span, rights));
    }
    all_read.then_some(all)
}

/// Checks that there is somebody for whom each pattern matches something, and warns where holders
/// write over what others wrote.
pub(super) fn check_callers(
    all: &[Spanned<ObjectRights>],
    given_to: &[CallerRule],
    what: &str,
    mistakes: &mut Mistakes<'_>,
) {
    let is_for_guests_alone = given_to.iter().all(|rule| *rule == CallerRule::Guest);
    let is_for_many = given_to.iter().any(|rule| !matches!(rule, CallerRule::ApiKey(_)));
    for rights in all {
        let (span, rights) = (rights.span(), rights.get_ref());
        if let Some(pattern) =
            rights.patterns().find(|pattern| pattern.has_subject() && is_for_guests_alone)
        {
            let problem = format!(
                "{what}: nobody can have {:?}: the role is for guests, who are nobody in particular \
                 over HTTP",
                pattern.to_string()
            );
            mistakes.add(&span, problem);
        }
        let is_shared = |pattern: &&ObjectPattern| {
            is_for_many && !pattern.has_subject() && pattern.kinds().next().is_none()
        };
        if let Some(pattern) = rights.write.iter().chain(&rights.delete).find(is_shared) {
            let surprise = format!(
                "{what}: {:?} lets every holder replace or delete what the others wrote; names hold \
                 {{{{subject()}}}}, or the {{{{tag()}}}} of a channel",
                pattern.to_string()
            );
            mistakes.warn(&span, surprise);
        }
    }
}

fn read_rights(
    value: Spanned<DeValue<'_>>,
    role: &str,
    declared: &[Placed],
    channels: Option<&[ChannelLists]>,
    mistakes: &mut Mistakes<'_>,
) -> Option<ObjectRights> {
    let mut fields = Fields::of(value, format!("{role}: objects"), mistakes)?;
    let bucket = fields.required::<String>("bucket", mistakes);
    if let Some(bucket) = &bucket {
        let name = DeclaredStream::of_object_bucket(bucket.get_ref());
        fields.rename(format!("{role}: objects of {:?}", bucket.get_ref()));
        let is_declared = |stream: &Placed| {
            stream.get_ref().name == name && matches!(stream.get_ref().kind, Kind::Objects { .. })
        };
        if !declared.iter().any(is_declared) {
            let problem =
                format!("{}: no [[object_bucket]] of that name is declared here", fields.what());
            mistakes.add(&bucket.span(), problem);
        }
    }
    let mut list = |name| read_patterns(name, &mut fields, channels, mistakes);
    let (read, write, delete) = (list("read"), list("write"), list("delete"));
    let (what, span) = (fields.what().to_owned(), fields.span().clone());
    fields.finish("bucket, read, write, delete", mistakes);
    let rights =
        ObjectRights { bucket: bucket?.into_inner(), read: read?, write: write?, delete: delete? };
    if rights.patterns().next().is_none() {
        mistakes.add(&span, format!("{what}: it opens nothing; name an object or leave it out"));
    }
    Some(rights)
}

/// A list of patterns, which may be left out; `None` if one of them is wrong.
fn read_patterns(
    name: &str,
    fields: &mut Fields<'_>,
    channels: Option<&[ChannelLists]>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<ObjectPattern>> {
    if !fields.has(name) {
        return Some(Vec::new());
    }
    let texts = fields.texts(name, mistakes)?;
    if texts.get_ref().len() > MAX_PATTERNS {
        let problem = format!("{}: {name} has more than {MAX_PATTERNS} patterns", fields.what());
        mistakes.add(&texts.span(), problem);
    }
    let mut patterns = Vec::new();
    let mut all_read = true;
    for text in texts.get_ref() {
        let unknown = |pattern: &ObjectPattern| {
            // What is wrong with channels is told already, and what they are called is not known.
            let channels = channels?;
            let is_known = |kind: &&str| channels.iter().any(|lists| lists.kind.name == **kind);
            pattern.kinds().find(|kind| !is_known(kind)).map(str::to_owned)
        };
        let problem = match ObjectPattern::parse(text.get_ref()) {
            Ok(pattern) => match unknown(&pattern) {
                None => {
                    patterns.push(pattern);
                    continue;
                }
                Some(kind) => format!("the role has no channel {kind:?}"),
            },
            Err(error) => error.to_string(),
        };
        mistakes.add(&text.span(), format!("{}: {:?}: {problem}", fields.what(), text.get_ref()));
        all_read = false;
    }
    all_read.then_some(patterns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::roles::{parse, read, tests::expect_mistakes};

    const GOOD: &str = r#"[[object_bucket]]
name = "files"
storage = "file"
max_bytes = 1000000
max_object_bytes = 500000

[[role]]
name = "member"
given_to = [{ user = true }]
ttl_seconds = 900
max_payload_bytes = 1024
max_subscriptions = 32
publish = { allow = ["a"], deny = [] }
subscribe = { allow = ["b"], deny = [] }

[[role.channel]]
name = "room"
values = { claim = "rooms" }
max = 4
publish = ["rooms.{{tag(room)}}.chat"]
subscribe = []

[[role.objects]]
bucket = "files"
read = ["public/>", "rooms/{{tag(room)}}/>", "users/*/avatar"]
write = ["users/{{subject()}}/avatar"]
"#;

    #[test]
    fn a_bucket_is_a_stream_as_adr_20_has_it_and_what_is_not_listed_is_denied() {
        let file = parse(GOOD).unwrap();
        let [bucket] = &file.streams[..] else { panic!("{:?}", file.streams) };
        assert_eq!(bucket.kind, Kind::Objects { max_object_bytes: 500_000 });
        let config = bucket.config();
        for (field, value) in [
            ("name", serde_json::json!("OBJ_files")),
            ("subjects", serde_json::json!(["$O.files.C.>", "$O.files.M.>"])),
            ("allow_rollup_hdrs", true.into()),
            ("deny_delete", true.into()),
            ("deny_purge", false.into()),
            ("no_ack", false.into()),
            ("discard", "new".into()),
            ("max_bytes", 1_000_000.into()),
            ("duplicate_window", 120_000_000_000_u64.into()),
        ] {
            assert_eq!(config[field], value, "{field}");
        }
        let [rights] = &file.roles[0].objects[..] else { panic!("one") };
        assert_eq!((rights.read.len(), rights.write.len(), rights.delete.len()), (3, 1, 0));

        let short = GOOD.replace("\"file\"", "\"file\"\nttl_seconds = 60");
        let streams = parse(&short).unwrap().streams;
        assert_eq!(streams[0].duplicate_window, Duration::from_secs(60));
    }

    #[test]
    fn each_mistake_about_objects_is_told_with_its_line() {
        let cases = [
            ("name = \"files\"", "name = \"a/b\"", "line 2, column 8: a name has 1 to 32"),
            ("\"file\"\n", "\"disk\"\n", "line 3, column 11: object_bucket \"files\": storage is"),
            ("500000", "1000001", "max_object_bytes must be 1 to 1000000 bytes"),
            ("max_object_bytes = 500000", "", "max_object_bytes is missing"),
            ("storage", "history = 1\nstorage", "there is no field \"history\""),
            (
                "bucket = \"files\"",
                "bucket = \"other\"",
                "line 24, column 10: role \"member\": objects of \"other\": no [[object_bucket]]",
            ),
            ("public/>", "public/", "\"public/\": it has an empty segment"),
            ("public/>", "../>", "a segment is `*`"),
            ("public/>", "{{tag(team)}}/>", "the role has no channel \"team\""),
            ("write", "put", "there is no field \"put\"; known are bucket, read, write, delete"),
            ("allow = [\"a\"]", "allow = [\"$O.files.>\"]", "with [[role.objects]]"),
            ("{ user = true }", "{ guest = true }", "who are nobody in particular"),
        ];
        expect_mistakes(GOOD, &cases);
        let again = "[[role.objects]]\nbucket = \"files\"\nread = [\">\"]\n";
        let twice = parse(&format!("{GOOD}{again}")).unwrap_err();
        assert!(twice[0].problem.contains("of the same bucket"), "{}", twice[0]);
        let nothing = parse(&GOOD.replace("write = [\"users", "#").replace("read = [", "#"));
        assert!(nothing.unwrap_err()[0].problem.contains("opens nothing"));
    }

    #[test]
    fn a_consumer_never_reads_the_pieces_of_objects() {
        let consumer = "[[role.consumer]]\nstream = \"OBJ_files\"\nfilter = [\"$O.files.>\"]\n\
                        deliver_policy = \"all\"\ninactive_threshold_seconds = 60\n";
        let mistakes = parse(&format!("{GOOD}{consumer}")).unwrap_err();
        assert!(mistakes[0].problem.contains("no [[stream]] or [[bucket]]"), "{}", mistakes[0]);
    }

    #[test]
    fn what_many_may_write_over_is_warned_of() {
        let warnings = |text: &str| read::file(text).unwrap().1;
        assert_eq!(warnings(GOOD), []);
        assert_eq!(warnings(include_str!("../../../templates/objects.toml")), []);
        let shared = GOOD.replace("users/{{subject()}}/avatar\"]", "public/*\"]");
        let warnings = warnings(&shared);
        assert!(warnings[0].problem.contains("\"public/*\" lets every holder"), "{}", warnings[0]);
    }
}
