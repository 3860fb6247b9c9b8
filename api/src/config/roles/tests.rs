use crate::{
    claims::{ConnectionType, Permission, ResponsePermission},
    mint::{AllowedValues, CallerRule, ClaimPath, ClaimTest, ConsumerTemplate, DeliverPolicy},
};

use super::*;

const SHIPPED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/roles.toml"));

/// A role that is right, to be made wrong.
const GOOD: &str = r#"[[role]]
name = "member"
given_to = [{ user = true }]
ttl_seconds = 900
max_payload_bytes = 1024
max_subscriptions = 32
publish = { allow = ["a"], deny = [] }
subscribe = { allow = ["b", "_INBOX.{{subject()}}.>"], deny = [] }

[[role.channel]]
name = "room"
values = { claim = "rooms" }
max = 4
publish = ["rooms.{{tag(room)}}.chat"]
subscribe = ["rooms.{{tag(room)}}.>"]
"#;

/// What is said about `good` with a part replaced, one line for each mistake.
fn mistakes_in(good: &str, from: &str, to: &str) -> String {
    assert!(good.contains(from), "{from:?}");
    let mistakes = parse(&good.replacen(from, to, 1)).err().unwrap_or_default();
    mistakes.iter().map(|mistake| format!("{mistake}\n")).collect()
}

/// Each of these replacements makes a mistake of `good`, of which this is said.
pub(super) fn expect_mistakes(good: &str, cases: &[(&str, &str, &str)]) {
    for (from, to, said) in cases {
        let all = mistakes_in(good, from, to);
        assert!(all.contains(said), "{to:?}: {said:?} is not in:\n{all}");
        assert!(all.lines().all(|line| line.starts_with("line ")), "{all}");
    }
}

#[test]
fn the_roles_we_ship_are_what_they_say() {
    let RolesFile { roles, streams } = parse(SHIPPED).unwrap();
    let names: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["guest", "brief", "demo", "member", "backend"]);
    let [guest, brief, demo, member, backend] = &roles[..] else { panic!("five roles") };

    assert_eq!(guest.given_to, [CallerRule::Guest]);
    assert_eq!(guest.ttl.as_secs(), 900);
    let (own, inbox) = ("com.scaling-ws.playground.{{subject()}}.>", "_INBOX.{{subject()}}.>");
    let here = "presence.demo.lobby.{{subject()}}.*";
    assert_eq!(guest.template.publish, Permission::only([own, here, inbox]));
    let subscribe =
        ["com.scaling-ws.updates", "com.scaling-ws.playground.>", "presence.demo.lobby.>", inbox];
    assert_eq!(guest.template.subscribe, Permission::only(subscribe));
    assert_eq!((guest.template.subs, guest.template.payload), (32, 1024));
    assert_eq!(guest.template.allowed_connection_types, [ConnectionType::Websocket]);
    assert!(guest.channels.is_empty());

    assert_eq!((&brief.given_to, brief.ttl.as_secs()), (&guest.given_to, 5));
    assert_eq!(brief.template, guest.template);

    assert_eq!(demo.given_to, guest.given_to);
    let own = ["com.scaling-ws.said.{{subject()}}", "$KV.board.{{subject()}}.*"];
    assert_eq!(demo.template.publish, Permission::only(own));
    assert_eq!(demo.template.subscribe, Permission::only([inbox]));
    let lasts = |consumer: &ConsumerTemplate| consumer.inactive_threshold.as_secs() <= 30;
    assert!(demo.consumers.len() == 2 && demo.consumers.iter().all(lasts));
    // What anybody can use up is not what others need.
    let is_bounded = |stream: &DeclaredStream| stream.max_consumers.is_some_and(|most| most <= 128);
    let of_guests = |role: &&Role| role.given_to.contains(&CallerRule::Guest);
    for consumer in roles.iter().filter(of_guests).flat_map(|role| &role.consumers) {
        assert!(streams.iter().any(|stream| stream.name == consumer.stream && is_bounded(stream)));
    }

    assert_eq!(
        member.template.publish,
        Permission::only([
            "rooms.{{tag(room)}}.chat.{{subject()}}",
            "presence.room.{{tag(room)}}.{{subject()}}.*"
        ])
    );
    assert_eq!(member.template.subscribe.allow.last().unwrap(), "presence.room.{{tag(room)}}.>");
    assert_eq!(member.channels[0].values, AllowedValues::InClaim(ClaimPath("rooms".into())));

    assert_eq!(backend.given_to, [CallerRule::ApiKey("backend".into())]);
    assert_eq!(backend.template.allowed_connection_types, [ConnectionType::Standard]);
    assert!(roles.iter().all(|role| role.template.responses.is_none()));
}

#[test]
fn everything_a_role_can_say_is_understood() {
    let text = GOOD
        .replace(
            "{ user = true }",
            r#"{ guest = true }, { api_key = "shop" }, { issuer = "https://i" },
               { issuer = "https://i", claim = "groups", contains = "staff" },
               { claim = "/a/b", equals = 3 }, { claim = "vip", equals = true }"#,
        )
        .replace(
            "max_subscriptions = 32",
            "max_subscriptions = 32\nconnection_types = [\"STANDARD\", \"WEBSOCKET\"]\n\
             responses = { max = 2, ttl_seconds = 5 }",
        )
        // Who may answer is asked by no browser.
        .replace("[\"rooms.{{tag(room)}}.chat\"]", "[]")
        .replace("{ claim = \"rooms\" }", "{ any = true }");
    let role = &parse(&text).unwrap().roles[0];
    assert_eq!(role.given_to.len(), 6);
    assert_eq!(
        role.given_to[2],
        CallerRule::User { issuer: Some("https://i".into()), claim: None }
    );
    let CallerRule::User { issuer: None, claim: Some(claim) } = &role.given_to[4] else {
        panic!("{:?}", role.given_to[4])
    };
    assert_eq!(
        (&claim.path, &claim.test),
        (&ClaimPath("/a/b".into()), &ClaimTest::Equals(3.into()))
    );
    assert_eq!(role.template.responses, Some(ResponsePermission { max: 2, ttl: 5_000_000_000 }));
    assert_eq!(
        role.template.allowed_connection_types,
        [ConnectionType::Standard, ConnectionType::Websocket]
    );
    assert_eq!(role.channels[0].values, AllowedValues::Any);
}

#[test]
fn each_mistake_is_told_with_its_line_and_what_to_do() {
    let cases = [
        ("\"member\"", "\"Member\"", "line 2, column 8: a role's name has"),
        ("\"member\"", "7", "line 2, column 8: a role: name: invalid type"),
        ("name = \"member\"\n", "", "line 1, column 1: a role: name is missing"),
        (
            "ttl_seconds = 900",
            "ttl_seconds = 1",
            "line 4, column 15: role \"member\": ttl_seconds must be 2 to 86400",
        ),
        ("ttl_seconds = 900", "ttl_seconds = 90000", "must be 2 to 86400"),
        ("ttl_seconds = 900", "ttl_seconds = -1", "must be 2 to 86400"),
        (
            "ttl_seconds = 900",
            "ttl = 900",
            "line 4, column 1: role \"member\": there is no field \"ttl\"",
        ),
        ("max_payload_bytes = 1024", "max_payload_bytes = 0", "must be 1 to 65536 bytes"),
        ("max_subscriptions = 32", "max_subscriptions = 1025", "must be 1 to 1024"),
        ("[{ user = true }]", "[]", "nobody can have the role"),
        ("[{ user = true }]", "[{ user = false }]", "leave the entry out"),
        ("[{ user = true }]", "[{ guest = true, user = true }]", "is one of"),
        ("[{ user = true }]", "[{}]", "is one of"),
        ("[{ user = true }]", "[{ claim = \"a\" }]", "either equals or contains"),
        ("[{ user = true }]", "[{ equals = \"a\" }]", "either equals or contains"),
        ("[{ user = true }]", "[{ claim = \"a\", equals = 1, contains = 1 }]", "either equals"),
        ("[{ user = true }]", "[{ claim = \"a\", equals = [1] }]", "compares with a text"),
        ("[{ user = true }]", "[{ issuer = \"\" }]", "empty text"),
        ("[{ user = true }]", "[{ api_key = \"a b\" }]", "API key"),
        ("[{ user = true }]", "[\"guest\"]", "is a table"),
        ("[{ user = true }]", "\"guest\"", "is a list"),
        ("[{ user = true }]", "[{ guest = true }]", "nobody can have the channel \"room\""),
        (
            "allow = [\"a\"]",
            "allow = [\">\"]",
            "line 7, column 22: role \"member\": publish: \">\": it begins with a wildcard",
        ),
        ("allow = [\"a\"]", "allow = [\"$JS.API.CONSUMER.CREATE.S\"]", "NATS's own"),
        ("allow = [\"a\"]", "allow = [\"$KV.settings.>\"]", "could empty a bucket"),
        ("[\"rooms.{{tag(room)}}.chat\"]", "[\"$O.files.{{tag(room)}}\"]", "could empty a bucket"),
        (
            "allow = [\"a\"]",
            "allow = [\"$JS.API.STREAM.INFO.S\"]",
            "answers wherever the asker says",
        ),
        ("allow = [\"a\"]", "allow = [\"$SRV.PING.drawing\"]", "have services publish anywhere"),
        ("allow = [\"a\"]", "allow = [\"a.{{name()}}\"]", "use {{subject()}}"),
        ("allow = [\"a\"]", "allow = [\"a.{{tag(room)}}\"]", "belongs in the lists of the channel"),
        ("allow = [\"a\"], deny = []", "allow = [\"a\"]", "deny is missing"),
        ("allow = [\"a\"], deny = []", "allow = [\"a\"], deny = [\">\"]", "leave `>` out"),
        ("_INBOX.{{subject()}}.>", "_INBOX.>", "line 8, column 29"),
        ("publish = { allow = [\"a\"], deny = [] }\n", "", "publish is missing"),
        ("max_sub", "connection_types = []\nmax_sub", "reads as every kind"),
        ("max_sub", "connection_types = [\"MQTT\"]\nmax_sub", "\"WEBSOCKET\" or \"STANDARD\""),
        ("max_sub", "responses = { max = 0, ttl_seconds = 5 }\nmax_sub", "max must be 1 to 1000"),
        ("max_sub", "responses = { max = -1, ttl_seconds = 5 }\nmax_sub", "max must be 1 to 1000"),
        ("\"room\"", "\"Room\"", "a channel's name has"),
        ("{ claim = \"rooms\" }", "{}", "{ any = true } or"),
        ("{ claim = \"rooms\" }", "{ any = false }", "{ any = true } or"),
        ("{ claim = \"rooms\" }", "{ any = true, claim = \"rooms\" }", "{ any = true } or"),
        ("max = 4", "max = 0", "max must be 1 to 64"),
        ("max = 4", "max = 64", "3500 fit a login; lower max"),
        ("[\"rooms.{{tag(room)}}.chat\"]", "[\"rooms.chat\"]", "once"),
        ("[\"rooms.{{tag(room)}}.chat\"]", "[\"rooms.{{tag(hall)}}\"]", "not replaced here"),
        ("[[role]]\n", "other = 3\n[[role]]\n", "the file: there is no field \"other\""),
        ("[[role]]", "[[roles]]", "there is no [[role]]"),
        ("name = \"member\"", "name = member", "line 2"),
    ];
    expect_mistakes(GOOD, &cases);
}

/// Another role, which may answer.
const ANSWERING: &str = r#"
[[role]]
name = "answering"
given_to = [{ user = true }]
ttl_seconds = 900
max_payload_bytes = 1024
max_subscriptions = 32
responses = { max = 1, ttl_seconds = 5 }
publish = { allow = ["c"], deny = [] }
subscribe = { allow = ["services.{{subject()}}.>"], deny = [] }
"#;

#[test]
fn no_browser_can_have_a_browser_answer() {
    let subscribe = "[\"services.{{subject()}}.>\"]";
    let good = format!("{GOOD}{ANSWERING}");
    for heard in [subscribe, "[\"a.>\", \"rooms.7\"]"] {
        assert_eq!(read::file(&good.replace(subscribe, heard)).unwrap().1, [], "{heard}");
    }
    let line = GOOD.lines().count() + 2;
    for (heard, asker) in [
        ("a", "member"),
        ("rooms.7.>", "member"),
        ("rooms.{{subject()}}.chat", "member"),
        // Who may answer and asks itself is no better.
        ("c", "answering"),
    ] {
        let text = good.replace(subscribe, &format!("[\"x\", \"{heard}\"]"));
        let mistakes = parse(&text).err().unwrap_or_default();
        let all: String = mistakes.iter().map(|mistake| format!("{mistake}\n")).collect();
        let said = format!("holders of {asker:?} ask");
        assert!(all.starts_with(&format!("line {line}, ")) && all.contains(&said), "{all}");
        // A back end may, and is warned of.
        let text = text.replace("responses =", "connection_types = [\"STANDARD\"]\nresponses =");
        let warnings = read::file(&text).map(|(_, warnings)| warnings).unwrap_or_default();
        let warned = warnings.iter().any(|warning| warning.problem.contains(&said));
        assert_eq!(warned, asker == "member", "{warnings:?}");
    }
}

#[test]
fn an_empty_list_never_becomes_everything() {
    let of_its_own = "publish = { allow = [\"a\"], deny = [] }";
    for empty in ["publish = { allow = [], deny = [] }", "publish = { allow = [], deny = [\"x\"] }"]
    {
        // With a channel that opens something, the list isn't empty.
        assert_eq!(mistakes_in(GOOD, of_its_own, empty), "");
        let text = GOOD
            .replace(of_its_own, empty)
            .replace("publish = [\"rooms.{{tag(room)}}.chat\"]", "publish = []");
        let mistakes = parse(&text).unwrap_err();
        assert_eq!(mistakes.len(), 1);
        assert!(mistakes[0].problem.contains("reads as everything"), "{}", mistakes[0]);
    }
    let nothing = "publish = { allow = [], deny = [\">\"] }";
    assert!(
        mistakes_in(GOOD, of_its_own, nothing).contains("leave `>` out"),
        "the channel is dead"
    );
}

#[test]
fn all_mistakes_are_told_at_once_in_the_files_order() {
    let text = GOOD
        .replace("ttl_seconds = 900", "ttl_seconds = 0")
        .replace("\"_INBOX.{{subject()}}.>\"", "\"_INBOX.>\", \"$SYS.>\"")
        .replace("max = 4", "max = 0\ncolour = \"red\"");
    let lines: Vec<usize> = parse(&text).unwrap_err().iter().map(|mistake| mistake.line).collect();
    assert_eq!(lines, [4, 8, 8, 13, 14]);

    // Syntax, too: where each line is unreadable, each is told.
    let lines: Vec<usize> =
        parse("a = \nb = ]\n").unwrap_err().iter().map(|mistake| mistake.line).collect();
    assert_eq!(lines, [1, 2]);
}

#[test]
fn names_are_given_once() {
    let twice = format!("{GOOD}\n{GOOD}");
    let mistakes = parse(&twice).unwrap_err();
    assert_eq!(mistakes.len(), 1);
    assert_eq!(mistakes[0].line, GOOD.lines().count() + 2);
    assert!(mistakes[0].problem.contains("another role \"member\""));

    let channel = &GOOD[GOOD.find("[[role.channel]]").unwrap()..];
    let mistakes = parse(&format!("{GOOD}{channel}")).unwrap_err();
    assert!(mistakes[0].problem.contains("another channel \"room\""), "{}", mistakes[0]);
}

#[test]
fn a_missing_file_is_named() {
    let error = load(Path::new("/no/such.toml")).unwrap_err();
    assert!(error.to_string().contains("/no/such.toml"), "{error}");
}

/// A bucket and a stream that are right, before [`GOOD`].
const DECLARED: &str = r#"[[bucket]]
name = "presence"
history = 1
ttl_seconds = 60
max_bytes = 1000000
max_value_bytes = 512
storage = "memory"

[[stream]]
name = "CHAT"
subjects = ["rooms.>"]
ttl_seconds = 3600
max_bytes = 1000000
max_message_bytes = 1024
max_messages_per_subject = 100
max_consumers = 64
duplicate_window_seconds = 120
storage = "file"
replicas = 3

"#;

#[test]
fn buckets_and_streams_are_read_and_confirm_only_what_no_browser_publishes() {
    let allow = "allow = [\"a\"]";
    let text =
        format!("{DECLARED}{GOOD}").replace(allow, "allow = [\"$KV.presence.{{subject()}}\"]");
    let streams = parse(&text).unwrap().streams;
    let [bucket, chat] = &streams[..] else { panic!("{streams:?}") };
    assert_eq!((bucket.name.as_str(), bucket.subjects.len()), ("KV_presence", 1));
    let config = bucket.config();
    assert_eq!(config["subjects"], serde_json::json!(["$KV.presence.>"]));
    for (field, value) in [
        ("no_ack", true.into()),
        ("deny_delete", true.into()),
        ("deny_purge", true.into()),
        ("max_age", 60_000_000_000_u64.into()),
        ("max_msgs_per_subject", 1.into()),
        ("discard", "new".into()),
    ] {
        let value: serde_json::Value = value;
        assert_eq!(config[field], value, "{field}");
    }
    assert!(config.keys().all(|field| !field.starts_with("allow_") || field == "allow_direct"));
    assert!(!chat.confirms, "the channel publishes there");
    assert_eq!((chat.replicas, chat.max_per_subject), (3, Some(100)));
    assert_eq!((bucket.max_consumers, chat.max_consumers), (None, Some(64)));
    assert_eq!(config["max_consumers"], -1);
    assert_eq!(chat.config()["max_consumers"], 64);

    // Nobody publishes in the bucket, and over TCP alone in the rooms.
    let text = text
        .replace("allow = [\"$KV.presence.{{subject()}}\"]", allow)
        .replace("max_sub", "connection_types = [\"STANDARD\"]\nmax_sub");
    assert!(parse(&text).unwrap().streams.iter().all(|stream| stream.confirms));
    // The channel's value is any, and so is the key.
    for (subject, confirms) in [("rooms.7.chat", false), ("rooms.*.other", true)] {
        let text = format!("{DECLARED}{GOOD}").replace("[\"rooms.>\"]", &format!("[{subject:?}]"));
        assert_eq!(parse(&text).unwrap().streams[1].confirms, confirms, "{subject}");
    }
}

#[test]
fn each_mistake_in_a_bucket_or_stream_is_told_with_its_line() {
    let allow = "allow = [\"a\"]";
    let cases = [
        ("\"presence\"", "\"a.b\"", "line 2, column 8: a name has"),
        ("\"presence\"", "\"\"", "a name has 1 to 32"),
        ("history = 1", "history = 65", "line 3, column 11: bucket \"presence\": history must be"),
        ("= 64", "= 1025", "max_consumers must be 1 to 1024"),
        ("history = 1", "histori = 1", "there is no field \"histori\""),
        ("ttl_seconds = 60", "ttl_seconds = 0", "ttl_seconds must be 1"),
        ("max_bytes = 1000000\n", "", "max_bytes is missing"),
        ("max_value_bytes = 512", "max_value_bytes = 65537", "max_value_bytes must be 1 to 65536"),
        ("\"memory\"", "\"disk\"", "storage is \"file\" or \"memory\""),
        ("\"CHAT\"", "\"KV_presence\"", "declare it as [[bucket]]"),
        ("\"rooms.>\"", "\"$KV.a.>\"", "a bucket is a [[bucket]]"),
        ("\"rooms.>\"", "\"$JS.API.>\"", "a bucket is a [[bucket]]"),
        ("\"rooms.>\"", "\">\"", "begins with a wildcard"),
        ("\"rooms.>\"", "\"_INBOX.>\"", "other people's inboxes"),
        ("\"rooms.>\"", "\"a.{{subject()}}\"", "use wildcards"),
        ("[\"rooms.>\"]", "[]", "subjects are 1 to 16"),
        ("replicas = 3", "replicas = 6", "replicas must be 1 to 5"),
        ("duplicate_window_seconds = 120", "duplicate_window_seconds = 3601", "must be 1 to 3600"),
        ("ttl_seconds = 3600", "ttl_seconds = 60", "longer than ttl_seconds"),
        (
            allow,
            "allow = [\"$KV.other.{{subject()}}\"]",
            "declare [[bucket]] with the name \"other\"",
        ),
        (allow, "allow = [\"$KV.presence.>\"]", "a key holds {{subject()}}"),
        (allow, "allow = [\"$O.presence.{{subject()}}\"]", "Nats-Rollup"),
        (allow, "allow = [\"$JS.API.DIRECT.GET.KV_presence.>\"]", "answers wherever the asker"),
    ];
    expect_mistakes(&format!("{DECLARED}{GOOD}"), &cases);
    let twice = parse(&format!("{DECLARED}{DECLARED}{GOOD}")).unwrap_err();
    assert!(twice[0].problem.contains("another stream"), "{}", twice[0]);
    let other = DECLARED.replace("CHAT", "OTHER").replace("\"presence\"", "\"other\"");
    let overlapping = parse(&format!("{DECLARED}{other}{GOOD}")).unwrap_err();
    assert!(overlapping[0].problem.contains("in one stream only"), "{}", overlapping[0]);
}

#[test]
fn a_bucket_that_only_grows_is_warned_of() {
    let text = format!("{DECLARED}{GOOD}").replace("ttl_seconds = 60\n", "");
    assert_eq!(read::file(&text).unwrap().1, []);
    let text = text.replace("allow = [\"a\"]", "allow = [\"$KV.presence.{{subject()}}\"]");
    let warnings = read::file(&text).unwrap().1;
    assert_eq!((warnings.len(), warnings[0].line), (1, 1));
    assert!(warnings[0].problem.contains("nobody writes any more"), "{}", warnings[0]);
}

/// A consumer of the stream of [`DECLARED`], after [`GOOD`].
const CONSUMER: &str = r#"
[[role.consumer]]
stream = "CHAT"
filter = ["rooms.{{tag(room)}}.>"]
deliver_policy = "last_per_subject"
inactive_threshold_seconds = 300
"#;

#[test]
fn consumers_are_read() {
    let text = format!("{DECLARED}{GOOD}{CONSUMER}");
    let of_bucket = CONSUMER
        .replace("stream = \"CHAT\"", "bucket = \"presence\"")
        .replace("rooms.{{tag(room)}}.>", "$KV.presence.*.{{subject()}}")
        .replace("last_per_subject", "new");
    let consumers = &parse(&format!("{text}{of_bucket}")).unwrap().roles[0].consumers;
    let [chat, presence] = &consumers[..] else { panic!("{consumers:?}") };
    assert_eq!((chat.stream.as_str(), chat.inactive_threshold.as_secs()), ("CHAT", 300));
    assert_eq!(chat.filter, ["rooms.{{tag(room)}}.>"]);
    assert_eq!(chat.deliver_policy, DeliverPolicy::LastPerSubject);
    assert_eq!(presence.stream, "KV_presence");
    assert_eq!(presence.deliver_policy, DeliverPolicy::New);
}

#[test]
fn each_mistake_in_a_consumer_is_told_with_its_line() {
    let text = format!("{DECLARED}{GOOD}{CONSUMER}");
    let line = text.lines().position(|line| line == "stream = \"CHAT\"").unwrap() + 1;
    let place = format!("line {line}, column 10: ");
    let cases = [
        ("stream = \"CHAT\"", "stream = \"NONE\"", &*place),
        ("stream = \"CHAT\"", "stream = \"NONE\"", "is declared here"),
        ("stream = \"CHAT\"", "", "either a stream or a bucket"),
        ("\"CHAT\"\nf", "\"CHAT\"\nbucket = \"presence\"\nf", "either a stream"),
        ("[\"rooms.{{tag(room)}}.>\"]\nd", "[]\nd", "filter holds 1 to 16"),
        ("[\"rooms.{{tag(room)}}.>\"]\nd", "[\"halls.>\"]\nd", "doesn't keep all"),
        ("[\"rooms.{{tag(room)}}.>\"]\nd", "[\">\"]\nd", "begins with a wildcard"),
        (
            "[\"rooms.{{tag(room)}}.>\"]\nd",
            "[\"rooms.{{tag(hall)}}.>\"]\nd",
            "belongs in the lists",
        ),
        ("\"last_per_subject\"", "\"last\"", "deliver_policy is \"all\""),
        ("= 300", "= 0", "inactive_threshold_seconds must be 1 to 86400"),
        ("= 300", "= 300\nack_policy = \"explicit\"", "no field \"ack_policy\""),
        (", \"_INBOX.{{subject()}}.>\"", "", "deliver to the holder's inbox"),
    ];
    expect_mistakes(&text, &cases);
    let twice = parse(&format!("{text}{CONSUMER}")).unwrap_err();
    assert!(twice[0].problem.contains("another consumer of the same stream"), "{}", twice[0]);
}
