//! Lines 10 to 12: what a token is like, and for which keys there are any.

use std::collections::HashSet;

use api::claims::{Claims, UserClaims};
use e2e::Setup;
use nkeys::KeyPair;
use serde_json::json;

use crate::support::{Person, REFUSED, Site, TestResult, assert_problem, now};

/// Every token ends, none later than a day after it was made, and nobody has to trust his own clock
/// for it.
#[tokio::test]
async fn c10_every_token_ends_and_takes_its_connection_along() -> TestResult {
    let site = Site::start(Setup::new().roles("ttl_seconds = 900", "ttl_seconds = 2")).await?;
    let guest = Person::guest(&site).await?;
    let mut wire = guest.connect(&site.nats).await;
    let people = [guest, Person::member(&site, "alice", &[]).await?, Person::backend(&site).await?];
    for person in &people {
        let claims = Claims::<UserClaims>::decode(person.jwt()).unwrap();
        let ends = claims.exp.expect("a token ends");
        assert!(ends > claims.iat && ends - claims.iat <= 86_400, "{ends}");
        // Nothing begins later than at once: nats-server has no patience with clocks that differ.
        assert!(claims.nbf.is_none() && claims.iat <= now());
        // The two times of the API's clock say how long; the browser's own need not be right.
        let credential = &person.credential;
        assert_eq!(credential["expires_at"], ends);
        assert_eq!(credential["server_time"], claims.iat);
        assert_eq!(credential["ttl"], ends - claims.iat);
    }

    assert_eq!(wire.until_closed().await, ["-ERR 'User Authentication Expired'"]);
    // In the second in which it ends it still opens; then never again.
    e2e::eventually(std::time::Duration::from_secs(5), "the token opens nothing", async || {
        Ok((people[0].login(&site.nats).await == REFUSED).then_some(()))
    })
    .await?;

    for ttl in ["0", "1", "86401", "-1"] {
        let setup = Setup::new().roles("ttl_seconds = 900", format!("ttl_seconds = {ttl}"));
        let refusal = Site::prepare(setup).await.err().expect("`api init` refuses the role");
        assert!(refusal.to_string().contains("`api init` failed"), "{refusal}");
    }
    Ok(())
}

/// Each token has a name of its own that nobody can foresee, and the log has it.
#[tokio::test]
async fn c11_every_token_has_a_random_jti_that_is_logged() -> TestResult {
    let site = Site::shared().await?;
    let nkey = KeyPair::new_user().public_key();
    let mut names = HashSet::new();
    // For one key, in one second: nothing else differs.
    for _ in 0..10 {
        let answer = site.call("/v1/credentials", None, &json!({ "nkey": nkey })).await?;
        let credential: serde_json::Value = answer.json().await?;
        let token = credential["jwt"].as_str().unwrap();
        let claims = Claims::<UserClaims>::decode(token).unwrap();
        // The jti is a hash of all that the token says, the random name included.
        let (_, random) = claims.name.split_once('-').unwrap();
        assert_eq!(random.len(), 32, "{random}");
        assert!(names.insert(random.to_owned()));
        assert!(names.insert(claims.jti.clone()));

        let log = site.api.log();
        let line = log.lines().find(|line| line.contains(&claims.jti)).expect("it is logged");
        assert!(line.contains(&nkey), "{line}");
    }
    Ok(())
}

/// Only what is the public key of a user, to the letter, gets a token.
#[tokio::test]
async fn c12_nothing_but_a_users_public_key_is_taken() -> TestResult {
    let site = Site::shared().await?;
    let good = KeyPair::new_user().public_key();
    let seed = KeyPair::new_user().seed().unwrap();
    let swapped: String = [&good[..50], &good[51..52], &good[50..51], &good[52..]].concat();
    for nkey in [
        "",
        "U",
        "*",
        ">",
        "not a key",
        "\0\r\n",
        "{{subject()}}",
        &"é".repeat(28),
        &"U".repeat(56),
        &"U".repeat(10_000),
        &good.to_lowercase(),
        &format!(" {good}"),
        &format!("{good}\n"),
        &format!("{good}="),
        &good[..55],
        &format!("{}{}", &good[..55], if good.ends_with('A') { 'B' } else { 'A' }),
        if swapped == good { "" } else { &swapped },
        &KeyPair::new_account().public_key(),
        &KeyPair::new_operator().public_key(),
        &KeyPair::new_server().public_key(),
        &KeyPair::new_cluster().public_key(),
        &seed,
    ] {
        let answer = site.call("/v1/credentials", None, &json!({ "nkey": nkey })).await?;
        assert_problem(answer, 400, "invalid_nkey").await?;
    }
    for nkey in [json!(null), json!(1), json!([good]), json!({ "nkey": good })] {
        let answer = site.call("/v1/credentials", None, &json!({ "nkey": nkey })).await?;
        assert_problem(answer, 422, "invalid_request").await?;
    }
    let answer = site.call("/v1/credentials", None, &json!({ "nkey": good })).await?;
    assert_eq!(answer.status(), 200);
    // Who sends a seed by mistake does not find it in the log.
    assert!(!site.api.log().contains(&seed));
    Ok(())
}

/// A token is worth nothing without the key that it names: bearer tokens are off.
#[tokio::test]
async fn c12_a_token_is_worth_nothing_without_its_key() -> TestResult {
    let site = Site::shared().await?;
    let victim = Person::guest(&site).await?;
    let thief = Person { key: KeyPair::new_user(), credential: victim.credential.clone() };
    assert_eq!(thief.login(&site.nats).await, REFUSED);
    for credentials in [
        json!({ "jwt": victim.jwt() }),
        json!({ "jwt": victim.jwt(), "nkey": victim.nkey(), "sig": "" }),
        json!({ "nkey": victim.nkey() }),
        json!({ "auth_token": victim.jwt() }),
        json!({}),
    ] {
        let mut wire = crate::support::Wire::websocket(&site.nats).await;
        wire.info().await;
        assert_eq!(wire.login_by(&credentials).await, REFUSED, "{credentials}");
    }
    assert_eq!(Person::bearer(&site).login(&site.nats).await, REFUSED);
    assert_eq!(victim.login(&site.nats).await, "PONG");
    Ok(())
}
