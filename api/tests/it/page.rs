//! The static page.

use std::fs;

use reqwest::{StatusCode, header};

use crate::{
    nats::Nats,
    service::{Api, problem},
};

#[tokio::test]
async fn without_a_page_the_root_says_so_and_a_page_built_later_is_served() {
    let nats = Nats::provision();
    let api = Api::start(&nats).await;
    let body = problem(api.get("/").await, 404, "page_not_built").await;
    assert!(body["detail"].as_str().unwrap().contains("Build it"), "{body}");

    fs::create_dir(api.page_dir()).unwrap();
    fs::write(api.page_dir().join("index.html"), "<!doctype html>").unwrap();
    let response = api.get("/").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "<!doctype html>");
}

#[tokio::test]
async fn files_have_their_types_and_are_revalidated() {
    let nats = Nats::provision();
    let api = Api::start(&nats).await;
    fs::create_dir(api.page_dir()).unwrap();
    for (name, content_type) in [
        ("index.html", "text/html"),
        ("page.css", "text/css"),
        ("page.js", "text/javascript"),
        ("page_bg.wasm", "application/wasm"),
    ] {
        fs::write(api.page_dir().join(name), name).unwrap();
        let response = api.get(&format!("/{name}")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[header::CONTENT_TYPE], content_type);
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache");
        let etag = response.headers()[header::ETAG].clone();

        let again = api
            .http
            .get(api.url(&format!("/{name}")))
            .header(header::IF_NONE_MATCH, etag)
            .send()
            .await
            .unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{name}");
    }
    problem(api.get("/gone.js").await, 404, "not_found").await;
    problem(api.get("/%2e%2e/api.toml").await, 404, "not_found").await;
}

#[tokio::test]
async fn files_named_after_their_contents_are_kept_for_good() {
    let nats = Nats::provision();
    let api = Api::start(&nats).await;
    fs::create_dir_all(api.page_dir().join("assets")).unwrap();
    fs::write(api.page_dir().join("assets/page.0123456789abcdef.js"), "js").unwrap();
    let response = api.get("/assets/page.0123456789abcdef.js").await;
    assert_eq!(response.status(), 200);
    let kept = &response.headers()[header::CACHE_CONTROL];
    assert_eq!(kept, "public, max-age=31536000, immutable");

    // What is not there may be there after the next build.
    let gone = api.get("/assets/page.fedcba9876543210.js").await;
    assert!(gone.headers().get(header::CACHE_CONTROL).is_none_or(|kept| kept != "immutable"));
    problem(gone, 404, "not_found").await;
}

#[tokio::test]
async fn a_compressed_variant_is_preferred_where_it_is_taken() {
    let nats = Nats::provision();
    let api = Api::start(&nats).await;
    fs::create_dir(api.page_dir()).unwrap();
    fs::write(api.page_dir().join("page_bg.wasm"), "plain").unwrap();
    fs::write(api.page_dir().join("page_bg.wasm.br"), "brotli").unwrap();
    fs::write(api.page_dir().join("page_bg.wasm.gz"), "gzip").unwrap();
    for (accepted, encoding, body) in
        [("gzip, br", Some("br"), "brotli"), ("gzip", Some("gzip"), "gzip"), ("", None, "plain")]
    {
        let response = api
            .http
            .get(api.url("/page_bg.wasm"))
            .header(header::ACCEPT_ENCODING, accepted)
            .send()
            .await
            .unwrap();
        let actual = response.headers().get(header::CONTENT_ENCODING).cloned();
        assert_eq!(actual.as_ref().map(|value| value.to_str().unwrap()), encoding);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/wasm");
        assert_eq!(response.text().await.unwrap(), body);
    }
}
