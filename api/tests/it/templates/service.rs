//! `service.toml`: a service that a browser offers to a back end.

use serde_json::{Value, json};

use super::{Holder, Site};
use crate::wait::until;

async fn site() -> Site {
    Site::of("service.toml", "gallery").await
}

impl Holder {
    /// Waits for a message, and returns its subject and the reply subject.
    async fn asked(&mut self) -> (String, String) {
        let message = self.client.next().await.unwrap();
        let mut words = message.split_whitespace().skip(1);
        let subject = words.next().unwrap().to_owned();
        (subject, words.nth(1).unwrap().to_owned())
    }
}

#[tokio::test]
async fn an_artist_is_found_by_the_gallery_and_answers_it() {
    let site = site().await;
    let (mut artist, mut gallery) = (site.person("ann", "x", &[]).await, site.back_end().await);
    let endpoint = format!("services.{}.v1.shapes", artist.nkey);
    artist.subscribe(&endpoint, 1).await;
    for (n, verb) in [(2, "PING"), (3, "INFO"), (4, "STATS")] {
        artist.subscribe(&format!("$SRV.{verb}.drawing"), n).await;
    }
    artist.hears_nothing().await;
    let inbox = format!("_INBOX.{}", gallery.nkey);
    gallery.subscribe(&format!("{inbox}.>"), 1).await;
    for (n, subject) in ["$SRV.PING.drawing", "$SRV.INFO.drawing", "$SRV.STATS.drawing", &endpoint]
        .into_iter()
        .enumerate()
    {
        gallery.publish(subject, &format!("{inbox}.{n}"), "?").await;
        let asked = artist.asked().await;
        assert_eq!(asked, (subject.to_owned(), format!("{inbox}.{n}")));
        artist.publish(&asked.1, "", "!").await;
        assert_eq!(gallery.next().await, (asked.1, "!".to_owned()));
    }
}

#[tokio::test]
async fn an_answer_may_go_where_the_asker_said_and_only_as_often_as_the_role_says() {
    let site = site().await;
    let (mut artist, mut gallery) = (site.person("ann", "x", &[]).await, site.back_end().await);
    let endpoint = format!("services.{}.v1.shapes", artist.nkey);
    artist.subscribe(&endpoint, 1).await;
    artist.hears_nothing().await;
    site.insider.add_stream("THEIRS", "theirs.>", &json!({})).await;
    let answer = format!("_INBOX.{}.1", gallery.nkey);
    gallery.subscribe(&answer, 1).await;
    gallery.publish(&endpoint, &answer, "?").await;
    let (_, reply) = artist.asked().await;
    // To nothing but that, and once.
    artist.may_not(&[format!("{answer}.x"), format!("_INBOX.{}.2", gallery.nkey)], &[]).await;
    artist.publish(&reply, "", "!").await;
    artist.may_not(&[reply], &[]).await;
    assert_eq!(gallery.next().await.1, "!");
    gallery.hears_nothing().await;

    // The asker chose the subject, and no list of the role's binds the answer. This is what makes it
    // matter who may ask.
    gallery.publish(&endpoint, "$JS.API.STREAM.DELETE.THEIRS", "?").await;
    let (_, reply) = artist.asked().await;
    artist.publish(&reply, "", "").await;
    until("the stream is deleted", || async {
        (site.stream("THEIRS").await["config"] == Value::Null).then_some(())
    })
    .await;
}

#[tokio::test]
async fn no_browser_asks_an_artist_or_listens_in_its_place() {
    let site = site().await;
    let (mut ann, mut bob) =
        (site.person("ann", "x", &[]).await, site.person("bob", "x", &[]).await);
    ann.subscribe(&format!("services.{}.>", ann.nkey), 1).await;
    ann.subscribe("$SRV.PING.drawing", 2).await;
    ann.hears_nothing().await;
    site.insider.add_stream("THEIRS", "theirs.>", &json!({})).await;
    let keys = [ann.nkey.clone(), bob.nkey.clone()];
    for holder in [&mut bob, &mut ann] {
        for key in &keys {
            // Whoever could ask, itself for one, could have anything published by the answer.
            for subject in [
                format!("services.{key}.v1.shapes"),
                "$SRV.PING.drawing".to_owned(),
                "$SRV.PING".to_owned(),
                format!("_INBOX.{key}.x"),
            ] {
                holder.is_refused(&subject, "$JS.API.STREAM.DELETE.THEIRS", "").await;
            }
        }
    }
    let subscribe = [
        "services.>",
        "services.*.>",
        &format!("services.{}.>", ann.nkey),
        &format!("services.{}.v1.shapes", ann.nkey),
        "$SRV.PING.other",
        "$SRV.INFO.other",
        "$SRV.*.drawing",
        "$SRV.PING.*",
        "$SRV.PING.drawing.>",
        "$SRV.PING.drawing.*",
        "$SRV.INFO.drawing.4XyyVr2Pz1hQm2Fj",
        "$SRV.SCHEMA.drawing",
    ]
    .map(str::to_owned);
    bob.may_not(&["services.x".to_owned()], &subscribe).await;
    bob.breaks_out_nowhere(&site, &ann, &["THEIRS"]).await;
    ann.hears_nothing().await;

    // The back end asks; it neither offers a service itself nor listens to others' answers.
    let mut gallery = site.back_end().await;
    let subscribe = ["services.>", "$SRV.PING.drawing", "_INBOX.>"].map(str::to_owned);
    gallery.may_not(&["$SRV.PING.other", "theirs.x"].map(str::to_owned), &subscribe).await;
}
