//! Objects over HTTP, by the roles of `templates/objects.toml`.

use std::{fs, path::Path};

use futures_util::future::join_all;
use reqwest::{Body, Method, RequestBuilder, Response, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    callers::{self, new_api_key},
    insider::Insider,
    issuer::{Issuer, Key, now, with},
    metrics::{assert_lines, scrape, with_metrics},
    nats::Nats,
    openapi::check,
    service::{Api, Options, problem},
    wait::until,
};

/// A bucket of objects, an API before it, and people.
pub(crate) struct Files {
    pub(crate) nats: Nats,
    pub(crate) api: Api,
    pub(crate) insider: Insider,
    key: Key,
    issuer: Issuer,
    /// The API key of the back end.
    pub(crate) back_end: String,
}

impl Files {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[], Options::default()).await
    }

    /// `start`, with replacements in the template and in the configuration.
    pub(crate) async fn start_with(edits: &[(&str, &str)], options: Options) -> Self {
        let mut nats = Nats::unprovisioned();
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/objects.toml");
        fs::copy(template, nats.roles_file()).unwrap();
        for (from, to) in edits {
            nats.edit_roles(from, to);
        }
        let output = nats.init();
        assert!(output.status.success(), "{output:?}");
        nats.start().await;
        let key = Key::ed25519("1");
        let issuer = Issuer::start(&[&key]).await;
        let (back_end, element) = new_api_key("backend");
        let mut all = callers::options(&[issuer.config()], true)
            .edit("api_keys = []", format!("api_keys = [{element}]"));
        all.edits.extend(options.edits);
        let api = Api::start_with(&nats, &all).await;
        api.until_status("/readyz", 200).await;
        let insider = Insider::connect(&nats).await;
        Self { nats, api, insider, key, issuer, back_end }
    }

    /// The token of a person who is in these rooms.
    pub(crate) fn token(&self, name: &str, rooms: &[&str]) -> String {
        let claims = with(&self.issuer.claims(), "sub", name);
        // For as long as a test may take.
        let claims = with(&claims, "exp", now() + 600);
        self.key.token(&with(&claims, "rooms", json!(rooms)))
    }

    /// What stands in the `iss` of those.
    pub(crate) fn issuer_name(&self) -> String {
        self.issuer.name()
    }

    /// A call about an object; without a bearer, a guest's.
    pub(crate) fn call(&self, method: Method, path: &str, bearer: &str) -> RequestBuilder {
        let request = self.api.http.request(method, self.api.url(&format!("/v1/objects/{path}")));
        if bearer.is_empty() { request } else { request.bearer_auth(bearer) }
    }

    pub(crate) async fn get(&self, path: &str, bearer: &str) -> Response {
        self.call(Method::GET, path, bearer).send().await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, bearer: &str, body: impl Into<Body>) -> Response {
        self.call(Method::PUT, path, bearer).body(body).send().await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str, bearer: &str) -> Response {
        self.call(Method::DELETE, path, bearer).send().await.unwrap()
    }

    /// A page of a list.
    pub(crate) async fn list(&self, query: &str, bearer: &str) -> Value {
        let response = self.get(&format!("files{query}"), bearer).await;
        assert_eq!(response.status(), 200, "{}", self.api.log());
        response.json().await.unwrap()
    }

    /// What stands for a person in names.
    pub(crate) async fn owner(&self, bearer: &str) -> String {
        self.list("", bearer).await["owner"].as_str().unwrap().to_owned()
    }

    /// How many messages the bucket's stream has.
    pub(crate) async fn messages(&self) -> u64 {
        let subject = "$JS.API.STREAM.INFO.OBJ_files".to_owned();
        let answer = self.insider.0.request(subject, "".into()).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
        answer["state"]["messages"].as_u64().unwrap()
    }

    pub(crate) async fn until_messages(&self, expected: u64) {
        until("the bucket has as many messages", || async {
            (self.messages().await == expected).then_some(())
        })
        .await;
    }
}

/// The names in a list.
pub(crate) fn names(list: &Value) -> Vec<&str> {
    list["objects"].as_array().unwrap().iter().map(|o| o["name"].as_str().unwrap()).collect()
}

/// Bytes that are not alike in any two places of a size.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..len).map(|_| random.u8(..)).collect()
}

#[tokio::test]
async fn what_is_put_is_got_listed_replaced_and_deleted() {
    let files = Files::start().await;
    let ann = files.token("ann", &[]);
    let owner = files.owner(&ann).await;
    let path = format!("files/people/{owner}/notes.txt");

    for (content, status) in [(bytes(3), 201), (bytes(0), 200), (bytes(200_000), 200)] {
        let request =
            files.call(Method::PUT, &path, &ann).header(header::CONTENT_TYPE, "text/plain");
        let put = request.body(content.clone()).send().await.unwrap();
        assert_eq!(put.status(), status, "{}", files.api.log());
        let etag = put.headers()[header::ETAG].clone();
        let stored: Value = put.json().await.unwrap();
        assert_eq!(stored["size"], content.len());
        assert_eq!(stored["etag"], etag.to_str().unwrap());

        let head = files.call(Method::HEAD, &path, &ann).send().await.unwrap();
        let got = files.get(&path, &ann).await;
        for response in [&head, &got] {
            assert_eq!(response.status(), 200);
            for (name, value) in [
                ("content-type", "text/plain"),
                ("content-length", &*content.len().to_string()),
                ("content-disposition", "attachment; filename=\"notes.txt\""),
                ("etag", etag.to_str().unwrap()),
                ("cache-control", "private, no-cache"),
                ("x-content-type-options", "nosniff"),
                ("content-security-policy", "default-src 'none'; sandbox; frame-ancestors 'none'"),
            ] {
                assert_eq!(response.headers()[name], value, "{name}");
            }
        }
        assert!(got.bytes().await.unwrap() == content);
        let list = files.list("", &ann).await;
        assert_eq!(names(&list), [format!("people/{owner}/notes.txt")]);
        assert_eq!(list["objects"][0]["etag"], etag.to_str().unwrap());
        assert_eq!(list["objects"][0]["size"], content.len());
    }
    // Four pieces and what is known of them; of the former ones nothing stays.
    files.until_messages(5).await;

    assert_eq!(files.delete(&path, &ann).await.status(), 204);
    problem(files.delete(&path, &ann).await, 404, "object_not_found").await;
    problem(files.get(&path, &ann).await, 404, "object_not_found").await;
    assert_eq!(files.list("", &ann).await["objects"], json!([]));
    // That it is gone is said to those who watch.
    files.until_messages(1).await;
    assert_eq!(files.put(&path, &ann, "again").await.status(), 201);
    assert_eq!(files.get(&path, &ann).await.bytes().await.unwrap(), "again");
}

#[tokio::test]
async fn a_version_is_named_by_its_tag_and_preconditions_hold() {
    let files = Files::start().await;
    let path = "files/public/a";
    let put = |name: header::HeaderName, value: String, body: &'static str| {
        let request = files.call(Method::PUT, path, &files.back_end).header(name, value).body(body);
        async { request.send().await.unwrap() }
    };
    let none = || "*".to_owned();
    problem(put(header::IF_MATCH, none(), "x").await, 412, "precondition_failed").await;
    let first = put(header::IF_NONE_MATCH, none(), "one").await;
    assert_eq!(first.status(), 201);
    let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
    problem(put(header::IF_NONE_MATCH, none(), "x").await, 412, "precondition_failed").await;
    problem(put(header::IF_MATCH, "\"x\"".to_owned(), "x").await, 412, "precondition_failed").await;
    problem(put(header::IF_MATCH, "x".to_owned(), "x").await, 412, "precondition_failed").await;
    assert_eq!(files.get(path, "").await.text().await.unwrap(), "one");

    for (value, status) in [(&*tag, 304), (&format!("W/{tag}, \"x\""), 304), ("\"x\"", 200)] {
        let request = files.call(Method::GET, path, "").header(header::IF_NONE_MATCH, value);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{value}");
        assert_eq!(response.headers()[header::ETAG], tag);
    }
    assert_eq!(put(header::IF_MATCH, tag.clone(), "two").await.status(), 200);
    problem(put(header::IF_MATCH, tag.clone(), "x").await, 412, "precondition_failed").await;
    let request = files.call(Method::DELETE, path, &files.back_end);
    let response = request.header(header::IF_MATCH, tag).send().await.unwrap();
    problem(response, 412, "precondition_failed").await;
    assert_eq!(files.get(path, "").await.text().await.unwrap(), "two");
}

#[tokio::test]
async fn of_many_who_create_at_once_one_does_and_nothing_of_the_others_stays() {
    let files = Files::start().await;
    let create = |n: usize| {
        let request = files.call(Method::PUT, "files/public/a", &files.back_end);
        let request = request.header(header::IF_NONE_MATCH, "*").body(n.to_string());
        async move { request.send().await.unwrap().status().as_u16() }
    };
    let mut statuses = join_all((0..12).map(create)).await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (201, &[412; 11][..]));
    files.until_messages(2).await;

    // Those who replace all do, one after the other.
    let replace = |n: usize| files.put("files/public/a", &files.back_end, n.to_string());
    for response in join_all((0..4).map(replace)).await {
        assert_eq!(response.status(), 200, "{}", files.api.log());
    }
    files.until_messages(2).await;
}

#[tokio::test]
async fn a_list_comes_in_pages_and_shows_what_can_be_read() {
    let files = Files::start().await;
    let (ann, bob) = (files.token("ann", &["7"]), files.token("bob", &["8"]));
    let (own, other) = (files.owner(&ann).await, files.owner(&bob).await);
    assert_ne!(own, other);
    for n in 0..60 {
        for path in
            [format!("public/{n}"), format!("people/{own}/{n}"), format!("people/{other}/{n}")]
        {
            let put = files.put(&format!("files/{path}"), &files.back_end, "x").await;
            assert_eq!(put.status(), 201);
        }
    }
    let (mut seen, mut query) = (Vec::new(), String::new());
    loop {
        let list = files.list(&query, &ann).await;
        assert!(names(&list).len() <= 100);
        seen.extend(names(&list).iter().map(ToString::to_string));
        let Some(next) = list["next"].as_str() else { break };
        query = format!("?after={next}");
    }
    let expected: Vec<String> =
        (0..60).flat_map(|n| [format!("public/{n}"), format!("people/{own}/{n}")]).collect();
    assert_eq!(seen, expected);
    assert_eq!(names(&files.list("", "").await).len(), 60);

    // A room is seen by those who have it and ask for it.
    let shared = format!("rooms/7/{own}/x");
    let put = files.put(&format!("files/{shared}?channels=room:7"), &ann, "x").await;
    assert_eq!(put.status(), 201);
    let path = format!("files/{shared}");
    problem(files.get(&path, &ann).await, 404, "object_not_found").await;
    assert_eq!(files.get(&format!("{path}?channels=room:7"), &ann).await.status(), 200);
    problem(files.get(&format!("{path}?channels=room:7"), &bob).await, 403, "channel_not_allowed")
        .await;
    problem(files.get(&format!("{path}?channels=room:8"), &bob).await, 404, "object_not_found")
        .await;
    for bad in ["?x=1", "?after=x", "?after=-1", "?after=1&after=2", "?role=a&role=b"] {
        problem(files.get(&format!("files{bad}"), &ann).await, 400, "invalid_query").await;
    }
    problem(files.get("files?role=backend", &ann).await, 403, "role_not_allowed").await;
}

/// Sends the head of a PUT and what comes of its body, and hangs up.
async fn put_in_part(files: &Files, path: &str, head: &str, body: &[u8]) -> TcpStream {
    put_in_part_by(&files.back_end, files, path, head, body).await
}

/// The same by somebody else.
pub(crate) async fn put_in_part_by(
    bearer: &str,
    files: &Files,
    path: &str,
    head: &str,
    body: &[u8],
) -> TcpStream {
    let mut stream = TcpStream::connect(files.api.address).await.unwrap();
    let head = format!(
        "PUT /v1/objects/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\n{head}\r\n\r\n",
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream
}

/// The status that is answered.
async fn status(mut stream: TcpStream) -> u16 {
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
}

#[tokio::test]
async fn what_is_cut_short_leaves_no_trace_and_what_was_there_before() {
    let files = Files::start().await;
    let path = "files/public/a";
    assert_eq!(files.put(path, &files.back_end, "before").await.status(), 201);
    let body = bytes(500_000);
    for head in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        let begun = files.messages().await;
        let sent = if head.starts_with('C') {
            body.clone()
        } else {
            [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat()
        };
        let stream = put_in_part(&files, path, head, &sent).await;
        until("pieces are stored", || async { (files.messages().await > begun).then_some(()) })
            .await;
        drop(stream);
        files.until_messages(begun).await;
        assert_eq!(files.get(path, "").await.text().await.unwrap(), "before");
    }
}

#[tokio::test]
async fn what_is_on_its_way_when_nats_goes_is_refused_and_taken_away_when_it_is_back() {
    let mut files = Files::start().await;
    let head = "Content-Length: 600000";
    let mut stream = put_in_part(&files, "files/public/a", head, &bytes(300_000)).await;
    until("pieces are stored", || async { (files.messages().await > 0).then_some(()) }).await;
    files.nats.kill();
    stream.write_all(&bytes(300_000)).await.unwrap();
    assert_eq!(status(stream).await, 503);
    files.nats.start().await;
    files.insider = Insider::connect(&files.nats).await;
    files.until_messages(0).await;
    files.api.until_status("/readyz", 200).await;
    assert_eq!(files.put("files/public/a", &files.back_end, "again").await.status(), 201);
}

#[tokio::test]
async fn the_answers_are_as_described() {
    let files = Files::start().await;
    let document: Value = files.api.get("/openapi.json").await.json().await.unwrap();
    let (list, object) = ("/v1/objects/{bucket}", "/v1/objects/{bucket}/{name}");
    for status in [201, 200] {
        let put = files.put("files/public/a", &files.back_end, "x").await;
        assert_eq!(put.status(), status);
        check(&document, "put", object, put).await;
    }
    for path in ["files", "files?after=0", "files?x", "nothing"] {
        check(&document, "get", list, files.get(path, &files.back_end).await).await;
    }
    for path in ["files/nothing", "files/%", "files/public/a?role=x"] {
        check(&document, "get", object, files.get(path, "").await).await;
        check(&document, "put", object, files.put(path, "", "x").await).await;
        check(&document, "delete", object, files.delete(path, "").await).await;
    }
    let unless = files.call(Method::PUT, "files/public/a", &files.back_end);
    let put = unless.header(header::IF_NONE_MATCH, "*").body("x").send().await.unwrap();
    check(&document, "put", object, put).await;
}

#[tokio::test]
async fn what_trickles_in_is_given_up() {
    let options =
        Options::default().edit("request_timeout_ms = 10000", "request_timeout_ms = 1000");
    let files = Files::start_with(&[], options).await;
    let head = "Content-Length: 1000000";
    let stream = put_in_part(&files, "files/public/a", head, &bytes(100_000)).await;
    assert_eq!(status(stream).await, 408);
    files.until_messages(0).await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_announced_or_not_and_so_is_what_has_no_room() {
    let edits = [
        ("max_object_bytes = 134217728", "max_object_bytes = 300000"),
        ("max_bytes = 1073741824", "max_bytes = 400000"),
    ];
    let files = Files::start_with(&edits, Options::default()).await;
    let path = "files/public/a";
    let chunk = [&b"493e1\r\n"[..], &bytes(300_001)].concat();
    for (head, body) in
        [("Content-Length: 300001", &[][..]), ("Transfer-Encoding: chunked", &chunk[..])]
    {
        let stream = put_in_part(&files, path, head, body).await;
        assert_eq!(status(stream).await, 413, "{head}");
    }
    files.until_messages(0).await;

    assert_eq!(files.put(path, &files.back_end, bytes(300_000)).await.status(), 201);
    let full = files.put("files/public/b", &files.back_end, bytes(300_000)).await;
    problem(full, 507, "bucket_refused").await;
    files.until_messages(6).await;
    // What is there can be deleted all the same.
    assert_eq!(files.delete(path, &files.back_end).await.status(), 204);
    assert_eq!(files.put("files/public/b", &files.back_end, bytes(300_000)).await.status(), 201);
}

#[tokio::test]
async fn what_is_not_what_was_stored_breaks_off_before_its_end() {
    let files = Files::start().await;
    let path = "files/public/a";
    assert_eq!(files.put(path, &files.back_end, bytes(200_000)).await.status(), 201);
    // Somebody changes the digest, then the pieces.
    let store = files.store().await;
    let info = store.info("public/a").await.unwrap();
    let digest = info.digest.as_deref().unwrap();
    for (digest, chunks) in [("SHA-256=AAAA", 4), (digest, 5), (digest, 3), ("SHA-256=AAAA", 5)] {
        let mut wrong = info.clone();
        (wrong.digest, wrong.chunks) = (Some(digest.to_owned()), chunks);
        let subject = format!("$O.files.M.{}", data_encoding::BASE64URL.encode(b"public/a"));
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Rollup", "sub");
        let payload = serde_json::to_vec(&wrong).unwrap();
        let client = &files.insider.0;
        client.publish_with_headers(subject, headers, payload.into()).await.unwrap();
        client.flush().await.unwrap();
        until("it is changed", || async {
            let info = store.info("public/a").await.unwrap();
            (info.digest == wrong.digest && info.chunks == wrong.chunks).then_some(())
        })
        .await;
        let got = files.get(path, "").await;
        assert_eq!(got.status(), 200);
        assert!(got.bytes().await.is_err());
    }
}

#[tokio::test]
async fn objects_are_counted_and_their_names_are_in_no_log() {
    let (options, port) = with_metrics();
    let files = Files::start_with(&[], options).await;
    let path = "files/public/secret-name";
    assert_eq!(files.put(path, &files.back_end, bytes(1000)).await.status(), 201);
    assert_eq!(files.get(path, "").await.bytes().await.unwrap().len(), 1000);
    assert_eq!(files.call(Method::HEAD, path, "").send().await.unwrap().status(), 200);
    files.get("files/people/secret-name/x", "").await;
    let got = until("all is counted", || async {
        let text = scrape(&files.api, port).await;
        text.contains("direction=\"out\",result=\"whole\"} 1").then_some(text)
    })
    .await;
    assert!(!got.contains("cut_short"), "{got}");
    assert_lines(
        &got,
        &[
            "api_object_transfers_total{bucket=\"files\",direction=\"in\",result=\"whole\"} 1",
            "api_object_transfers_total{bucket=\"files\",direction=\"out\",result=\"whole\"} 1",
            "api_object_transferred_bytes_total{bucket=\"files\",direction=\"in\"} 1000",
            "api_object_transferred_bytes_total{bucket=\"files\",direction=\"out\"} 1000",
            "api_refusals_total{code=\"object_not_found\"} 1",
        ],
    );
    let log = files.api.log();
    assert!(log.contains("stored an object") && !log.contains("secret-name"), "{log}");
}
