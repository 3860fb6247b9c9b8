//! What nobody gets at who may have some of a bucket's objects.

use nkeys::KeyPair;
use reqwest::{Method, Response, header};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::Client,
    nats::Nats,
    objects::{Files, bytes, names},
    service::{Api, Options, problem},
    user::User,
};

/// The whole of a refusal, to be compared with another.
async fn refusal(response: Response, status: u16) -> (u16, String) {
    assert_eq!(response.status(), status);
    (status, response.text().await.unwrap())
}

#[tokio::test]
async fn what_is_anothers_looks_as_if_it_were_not_there() {
    let files = Files::start().await;
    let (ann, bob) = (files.token("ann", &["7"]), files.token("bob", &["7"]));
    let (own, other) = (files.owner(&ann).await, files.owner(&bob).await);
    let secret = format!("files/people/{other}/secret");
    let avatar = format!("files/people/{other}/avatar");
    let shared = format!("files/rooms/7/{other}/x?channels=room:7");
    for path in [&secret, &avatar, &shared] {
        assert_eq!(files.put(path, &bob, "bob's").await.status(), 201, "{path}");
    }
    let before = files.messages().await;

    for caller in ["", &*ann] {
        for absent in ["people/x/secret", "nothing/at/all", "people/x"] {
            let absent = format!("files/{absent}");
            let (there, not_there) = (files.get(&secret, caller), files.get(&absent, caller));
            assert_eq!(refusal(there.await, 404).await, refusal(not_there.await, 404).await);
            let (there, not_there) =
                (files.put(&secret, caller, "x"), files.put(&absent, caller, "x"));
            assert_eq!(refusal(there.await, 403).await, refusal(not_there.await, 403).await);
            let (there, not_there) = (files.delete(&secret, caller), files.delete(&absent, caller));
            assert_eq!(refusal(there.await, 403).await, refusal(not_there.await, 403).await);
        }
        let condition = files.call(Method::PUT, &secret, caller).header(header::IF_NONE_MATCH, "*");
        problem(condition.body("x").send().await.unwrap(), 403, "object_not_allowed").await;
    }
    // What may be read may not be written, and a room opens nothing outside it.
    for path in [&avatar, &shared] {
        assert_eq!(files.get(path, &ann).await.text().await.unwrap(), "bob's");
        problem(files.put(path, &ann, "x").await, 403, "object_not_allowed").await;
        problem(files.delete(path, &ann).await, 403, "object_not_allowed").await;
    }
    let elsewhere = format!("files/rooms/8/{own}/x");
    for query in ["", "?channels=room:7"] {
        let put = files.put(&format!("{elsewhere}{query}"), &ann, "x").await;
        problem(put, 403, "object_not_allowed").await;
    }
    for channel in ["room:8", "team:7"] {
        let query = format!("?channels={channel}");
        let put = files.put(&format!("{elsewhere}{query}"), &ann, "x").await;
        problem(put, 403, "channel_not_allowed").await;
    }
    for channel in ["room:*", "room:%3E", "room:7%2F..", "room:", "7"] {
        let put = files.put(&format!("{elsewhere}?channels={channel}"), &ann, "x").await;
        problem(put, 400, "invalid_channel").await;
    }

    // Lists show what can be read and nothing else.
    assert_eq!(names(&files.list("", "").await), [""; 0]);
    let public = |path: &str| path.trim_start_matches("files/").to_owned();
    assert_eq!(names(&files.list("", &ann).await), [public(&avatar)]);
    assert_eq!(
        names(&files.list("?channels=room:7", &ann).await),
        [public(&avatar), format!("rooms/7/{other}/x")]
    );
    assert_eq!(files.messages().await, before);
}

/// Sends a request line as it stands; returns the whole answer.
async fn raw(files: &Files, line: &str, bearer: &str) -> String {
    let mut stream = TcpStream::connect(files.api.address).await.unwrap();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\nContent-Length: 1\r\n\
         Connection: close\r\n\r\nx"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_name_has_one_form_and_nothing_makes_another_of_it() {
    let files = Files::start().await;
    let (ann, bob) = (files.token("ann", &[]), files.token("bob", &[]));
    let (own, other) = (files.owner(&ann).await, files.owner(&bob).await);
    assert_eq!(files.put(&format!("files/people/{other}/x"), &bob, "secret").await.status(), 201);
    let before = files.messages().await;
    for name in [
        format!("people/{own}/../{other}/x"),
        format!("people/{own}/%2e%2e/{other}/x"),
        format!("people/{own}/..%2f{other}%2fx"),
        format!("people%2f{other}%2Fx"),
        format!("people/{own}/..\\{other}\\x"),
        format!("people/{own}//x"),
        format!("people//{own}/x"),
        format!("/people/{own}/x"),
        format!("people/{own}/./x"),
        format!("people/{own}/x/"),
        format!("people/{own}/"),
        format!("people/{own}/*"),
        format!("people/{own}/>"),
        format!("people/{own}/%2a"),
        format!("people/{own}/%3E"),
        format!("people/{own}/%00"),
        format!("people/{own}/%0d%0a"),
        format!("people/{own}/a%20b"),
        format!("people/{own}/%61"),
        format!("people/{own}/%C3%A9"),
        format!("people/{own}/a;b"),
        format!("people/{own}/{}", "x".repeat(255)),
        format!("people/{own}/{}", ["a"; 16].join("/")),
        "people/*/x".to_owned(),
        "people/>".to_owned(),
        "people/{{subject()}}/x".to_owned(),
        "%7B%7Bsubject()%7D%7D/x".to_owned(),
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            let answer = raw(&files, &format!("{method} /v1/objects/files/{name}"), &ann).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{method} {name}: {answer}");
        }
    }
    // These are no paths of objects.
    for path in ["", "/", "/files/", "//files/public/x", "/files%2Fpublic/x", "/../objects/files/x"]
    {
        let answer = raw(&files, &format!("PUT /v1/objects{path}"), &ann).await;
        let status = answer.split(' ').nth(1).unwrap();
        assert!(matches!(status, "400" | "403" | "404" | "405"), "{path}: {answer}");
    }
    assert_eq!(files.messages().await, before);
}

#[tokio::test]
async fn a_bucket_that_a_role_has_nothing_of_is_as_one_that_is_not_there() {
    let another = "[[object_bucket]]\nname = \"other\"\nstorage = \"memory\"\nmax_bytes = 100000\n\
                   max_object_bytes = 1000\n\n[[bucket]]\nname = \"values\"\nhistory = 1\n\
                   storage = \"memory\"\nmax_bytes = 1000\nmax_value_bytes = 10\n\n# Anybody.";
    let files = Files::start_with(&[("# Anybody.", another)], Options::default()).await;
    let ann = files.token("ann", &[]);
    for caller in ["", &ann, &files.back_end] {
        let list = refusal(files.get("nothing", caller).await, 404).await;
        let get = refusal(files.get("nothing/public/x", caller).await, 404).await;
        let put = refusal(files.put("nothing/public/x", caller, "x").await, 403).await;
        for bucket in ["other", "values", "OBJ_files", "KV_values", "files.C", "*", ">", "%66iles"]
        {
            assert_eq!(refusal(files.get(bucket, caller).await, 404).await, list, "{bucket}");
            let path = format!("{bucket}/public/x");
            assert_eq!(refusal(files.get(&path, caller).await, 404).await, get, "{bucket}");
            assert_eq!(refusal(files.put(&path, caller, "x").await, 403).await, put, "{bucket}");
        }
    }
}

#[tokio::test]
async fn nobody_gets_in_without_saying_who_they_are_or_from_elsewhere_or_banned() {
    let options =
        Options::default().edit("allowed_to = []", "allowed_to = [{ api_key = \"backend\" }]");
    let files = Files::start_with(&[], options).await;
    let ann = files.token("ann", &[]);
    let path = format!("files/people/{}/x", files.owner(&ann).await);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let response =
            files.call(method.clone(), &path, "nonsense").body("x").send().await.unwrap();
        problem(response, 401, "invalid_credentials").await;
        let foreign =
            files.call(method, &path, &ann).header(header::ORIGIN, "https://evil.example");
        problem(foreign.body("x").send().await.unwrap(), 403, "origin_not_allowed").await;
    }
    assert_eq!(files.put(&path, &ann, "x").await.status(), 201);
    let ban = json!({ "user": { "issuer": files.issuer_name(), "subject": "ann" } });
    let banned = files.api.post_as("/v1/revoke", &files.back_end, &ban).await;
    assert!(banned.status().is_success() || banned.status() == 503, "{:?}", banned.text().await);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let response = files.call(method, &path, &ann).body("x").send().await.unwrap();
        problem(response, 403, "banned").await;
    }
    problem(files.get("files", &ann).await, 403, "banned").await;
}

#[tokio::test]
async fn whatever_is_stored_a_browser_runs_none_of_it() {
    let files = Files::start().await;
    let page = "<script>alert(document.domain)</script>";
    for said in
        ["text/html", "image/svg+xml", "text/javascript", "application/xhtml+xml", "x/y; a=\"b"]
    {
        let request = files.call(Method::PUT, "files/public/page.html", &files.back_end);
        let put = request.header(header::CONTENT_TYPE, said).body(page).send().await.unwrap();
        assert!(put.status().is_success());
        let got = files.get("files/public/page.html", "").await;
        for (name, value) in [
            ("content-type", "application/octet-stream"),
            ("content-disposition", "attachment; filename=\"page.html\""),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; sandbox; frame-ancestors 'none'"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(got.headers()[name], value, "{said}");
        }
        assert_eq!(got.text().await.unwrap(), page);
    }
}

#[tokio::test]
async fn over_nats_no_browser_reaches_anything_of_the_bucket() {
    let files = Files::start().await;
    assert_eq!(files.put("files/public/a", &files.back_end, "a").await.status(), 201);
    let ann = files.token("ann", &["7"]);
    let before = files.messages().await;
    for bearer in [None, Some(&ann)] {
        let key = KeyPair::new_user();
        let body = json!({ "nkey": key.public_key() });
        let response = match bearer {
            Some(bearer) => files.api.post_as("/v1/credentials", bearer, &body).await,
            None => files.api.post("/v1/credentials", body.to_string()).await,
        };
        assert_eq!(response.status(), 200);
        let credential: serde_json::Value = response.json().await.unwrap();
        let mut client = Client::websocket(&files.nats).await;
        let said = client.log_in(credential["jwt"].as_str().unwrap(), &key).await;
        assert_eq!(said, "PONG");
        let meta = format!("$O.files.M.{}", data_encoding::BASE64URL.encode(b"public/a"));
        for subject in [
            &*meta,
            "$O.files.C.x",
            "$O.files.M.x",
            "$JS.API.STREAM.INFO.OBJ_files",
            "$JS.API.STREAM.PURGE.OBJ_files",
            "$JS.API.STREAM.MSG.GET.OBJ_files",
            "$JS.API.DIRECT.GET.OBJ_files",
            "$JS.API.CONSUMER.CREATE.OBJ_files.x",
        ] {
            let refused = format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'");
            let plain = format!("PUB {subject} 0\r\n\r\n");
            assert_eq!(client.round_trip(&plain).await, [&*refused]);
            for scope in ["all", "sub"] {
                let headers = format!("NATS/1.0\r\nNats-Rollup: {scope}\r\n\r\n");
                let len = headers.len();
                let rollup = format!("HPUB {subject} {len} {len}\r\n{headers}\r\n");
                assert_eq!(client.round_trip(&rollup).await, [&*refused]);
            }
        }
        for pattern in ["$O.files.>", "$O.>", &*meta, "$JS.>"] {
            let said = client.round_trip(&format!("SUB {pattern} 1\r\n")).await;
            assert_eq!(
                said,
                [format!("-ERR 'Permissions Violation for Subscription to \"{pattern}\"'")]
            );
        }
    }
    assert_eq!(files.messages().await, before);
    assert_eq!(files.get("files/public/a", "").await.text().await.unwrap(), "a");
}

#[tokio::test]
async fn the_apis_own_user_keeps_declared_buckets_and_no_others() {
    let files = Files::start().await;
    let mut client = User::of(&files.nats, "service.creds").connect(&files.nats).await;
    for subject in ["$O.files.C.x", "$O.files.M.x", "$JS.API.STREAM.PURGE.OBJ_files"] {
        // What is sent is no request that is understood.
        let said = client.round_trip(&format!("PUB {subject} 1\r\nx\r\n")).await;
        assert!(said.is_empty(), "{subject}: {said:?}");
    }
    for subject in [
        "$O.other.C.x",
        "$O.files",
        "$JS.API.STREAM.PURGE.OBJ_other",
        "$JS.API.STREAM.DELETE.OBJ_files",
        "$JS.API.STREAM.MSG.DELETE.OBJ_files",
        "$JS.API.CONSUMER.CREATE.OBJ_files.x",
        "$JS.API.STREAM.LIST",
    ] {
        let said = client.round_trip(&format!("PUB {subject} 0\r\n\r\n")).await;
        assert_eq!(said, [format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'")]);
    }
}

/// Adds a bucket to the roles we ship, which guests may do all with.
fn declare(nats: &Nats, replicas: usize) {
    let bucket = format!(
        "[[object_bucket]]\nname = \"files\"\nstorage = \"memory\"\nreplicas = {replicas}\n\
         max_bytes = 10000000\nmax_object_bytes = 1000000\n\n"
    );
    nats.edit_roles("# Anybody. Watches", &format!("{bucket}# Anybody. Watches"));
    nats.edit_roles(
        "# The same for a few seconds",
        "[[role.objects]]\nbucket = \"files\"\nread = [\">\"]\nwrite = [\">\"]\ndelete = [\">\"]\n\n\
         # The same for a few seconds",
    );
}

/// Runs `api roles apply`.
fn apply(nats: &Nats) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_api"))
        .args(["roles", "apply", "--dir"])
        .arg(nats.keys_dir())
        .arg("--roles")
        .arg(nats.roles_file())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("$O.files.C.>"), "{said}");
}

#[tokio::test]
async fn whoever_has_been_told_that_an_object_is_stored_finds_it_in_a_cluster_too() {
    let nodes = Nats::cluster::<3>().await;
    declare(&nodes[0], 3);
    apply(&nodes[0]);
    let api = Api::ready(&nodes[0]).await;
    let url = api.url("/v1/objects/files/a");
    for n in 0..20 {
        let content = bytes(100_000 + n);
        let put = api.http.put(&url).body(content.clone()).send().await.unwrap();
        assert!(put.status().is_success(), "{}", api.log());
        let got = api.http.get(&url).send().await.unwrap();
        assert_eq!(got.status(), 200, "{}", api.log());
        assert!(got.bytes().await.unwrap() == content, "{n}");
    }
    assert_eq!(api.http.delete(&url).send().await.unwrap().status(), 204);
    assert_eq!(api.http.get(&url).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn who_declares_a_bucket_later_is_told_to_apply_it() {
    let nats = Nats::running().await;
    declare(&nats, 1);
    let dir = tempfile::tempdir().unwrap();
    let output = crate::service::command(&nats, dir.path(), &Options::default()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("`api roles apply` adds it"), "{said}");

    apply(&nats);
    let api = Api::ready(&nats).await;
    let response = api.get("/v1/objects/files").await;
    assert_eq!(response.status(), 200, "{}", api.log());
}
