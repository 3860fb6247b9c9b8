//! Lines 13 to 16: keys, the account they stand in, and those who are locked out of it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use api::claims::{AccountPair, Claims, UserClaims};
use e2e::{Error, Ran, Setup, eventually};
use serde_json::{Value, json};

use crate::support::{Person, REFUSED, Site, TestResult, assert_problem};

/// What the API reads when it starts.
const READ_AT_START: [&str; 5] =
    ["account.jwt", "role-guest.seed", "role-member.seed", "service.creds", "system.creds"];

/// Key files are readable by their owner alone, or the API does not start; and no seed gets out of
/// them into a message.
#[tokio::test]
async fn c13_key_files_are_private_or_the_api_does_not_start() -> TestResult {
    let site = Site::prepare(Setup::new()).await?;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(site.api.keys()), 0o700);
    for file in fs::read_dir(site.api.keys()).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
    for name in READ_AT_START {
        let (path, contents) = (site.api.keys().join(name), site.key_file(name));
        for open in [0o640, 0o602] {
            fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
            let Ran { status, output } = site.api.run(&["serve"]).await?;
            assert_eq!(status.code(), Some(1), "{name}");
            assert!(output.contains(name) && output.contains("0600"), "{output}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();

        // A file that can't be used is named and not shown.
        fs::write(&path, &contents[..contents.len() / 2]).unwrap();
        let Ran { status, output } = site.api.run(&["serve"]).await?;
        assert_eq!(status.code(), Some(1), "{name}");
        assert!(output.contains(name) && !output.contains("panicked"), "{output}");
        for secret in contents.lines().filter(|line| line.len() > 40 && !line.contains('-')) {
            assert!(!output.contains(&secret[..20]), "{output}");
        }
        fs::write(&path, contents).unwrap();
    }
    Ok(())
}

/// A signing key is replaced under running servers: nobody is cut off by the new one, and the former
/// one is worth nothing when it is gone.
#[tokio::test]
async fn c14_a_signing_key_is_replaced_and_the_former_is_worthless() -> TestResult {
    let mut site = Site::start(Setup::new()).await?;
    let guest = Person::guest(&site).await?;
    let mut early = guest.connect(&site.nats).await;
    let former: AccountPair = site.seed("role-guest.seed");
    let thief = Person::forged(&site, "guest", "thief", &[]);

    roles(&site, &["new-key", "guest", "--push"]).await?;
    roles(&site, &["switch-key", "guest"]).await?;
    site.api.kill()?;
    site.api.start().await?;
    let late = Person::guest(&site).await?;
    let claims = Claims::<UserClaims>::decode(late.jwt()).unwrap();
    assert_ne!(claims.iss, *former.public());
    let mut connected = late.connect(&site.nats).await;
    early.may("SUB com.scaling-ws.updates 1\r\n").await;

    roles(&site, &["retire-key", "guest", "--now", "--push"]).await?;
    early.until_closed().await;
    for person in [guest, thief] {
        assert_eq!(person.login(&site.nats).await, REFUSED);
    }
    connected.may("SUB com.scaling-ws.updates 1\r\n").await;
    Ok(())
}

/// The account's JWT has one writer at a time, is never older than the one before, and is verified
/// before it is sent and looked up after; nats-server itself would take an older one, and one by
/// a stranger.
#[tokio::test]
async fn c15_the_account_has_one_writer_and_never_steps_back() -> TestResult {
    let site = Site::start(Setup::new()).await?;
    let stranger = Site::prepare(Setup::new()).await?;
    let path = site.api.keys().join("account.jwt");
    let first = site.account();

    let lock = File::open(site.api.keys()).unwrap();
    lock.lock().unwrap();
    site.api.edit_roles("max_subscriptions = 32", "max_subscriptions = 31").await?;
    let refused = site.api.run(&["roles", "apply", "--push"]).await?;
    assert!(!refused.status.success() && refused.output.contains("another `api`"), "{refused:?}");
    assert_eq!(site.account().jti, first.jti);
    lock.unlock().unwrap();

    // In the same second: the time of issue rises all the same.
    let mut before = (first.iat, site.key_file("account.jwt"));
    for (from, to) in [("31", "30"), ("30", "29"), ("29", "28")] {
        let of = |limit| format!("max_subscriptions = {limit}");
        site.api.edit_roles(&of(from), &of(to)).await?;
        roles(&site, &["apply", "--push"]).await?;
        let account = site.account();
        assert!(account.iat > before.0, "{} {}", account.iat, before.0);

        let present = site.key_file("account.jwt");
        for (wrong, why) in [
            (&before.1, "a later JWT of the account"),
            (&stranger.key_file("account.jwt"), "its issuer is not one that is trusted"),
        ] {
            fs::write(&path, wrong).unwrap();
            let refused = site.api.run(&["roles", "push"]).await?;
            assert!(!refused.status.success() && refused.output.contains(why), "{refused:?}");
        }
        fs::write(&path, &present).unwrap();
        let found = site.api.run(&["roles", "push"]).await?;
        assert!(found.output.contains("had the account's JWT already"), "{found:?}");
        before = (account.iat, present);
    }
    // What the servers hold everybody to is the last of it.
    let guest = Person::guest(&site).await?;
    let mut wire = guest.connect(&site.nats).await;
    let all: String = (0..32).map(|n| format!("SUB _INBOX.{}.{n} {n}\r\n", guest.nkey())).collect();
    assert_eq!(wire.round_trip(&all).await.len(), 32 - 28);
    Ok(())
}

/// A ban stops the minting, ends the connections, and has the token refused; it survives restarts of
/// the API and of nats-server.
#[tokio::test]
async fn c16_a_ban_stops_minting_revokes_kicks_and_survives_restarts() -> TestResult {
    // The service may sign the account itself; where it may not, `api revoke` does.
    let mut site = Site::prepare(Setup::new()).await?;
    let signer = format!("[revoke]\nsigner_dir = {:?}\n", site.api.keys());
    site.api.edit_config("[revoke]\n", &signer).await?;
    site.begin().await?;
    let (ann, bob) = (Person::guest(&site).await?, Person::guest(&site).await?);
    let mut of_ann = [ann.connect(&site.nats).await, ann.connect(&site.nats).await];
    let mut of_bob = bob.connect(&site.nats).await;
    let (ask, again) = (json!({ "nkey": ann.nkey() }), json!({ "nkey": bob.nkey() }));

    // Nobody bans who may not.
    for nobody in [None, Some(site.backend.as_str())] {
        let answer = site.call("/v1/revoke", nobody, &ask).await?;
        assert_problem(answer, 403, "revoke_not_allowed").await?;
    }
    assert_eq!(ban(&site, &ask).await?["revoked"], true);
    for wire in &mut of_ann {
        wire.until_closed().await;
    }

    for restart in [None, Some("the API"), Some("nats-server")] {
        match restart {
            None => {}
            Some("the API") => {
                site.api.kill()?;
                site.api.start().await?;
            }
            Some(_) => {
                of_bob.may("").await;
                site.nats.kill()?;
                site.nats.start().await?;
                of_bob = bob.connect(&site.nats).await;
            }
        }
        let answer = site.call("/v1/credentials", None, &ask).await?;
        assert_problem(answer, 403, "banned").await?;
        assert_eq!(ann.login(&site.nats).await, REFUSED, "{restart:?}");
        // Nobody else notices.
        of_bob.may("SUB com.scaling-ws.updates 1\r\n").await;
        assert_eq!(site.call("/v1/credentials", None, &again).await?.status(), 200);
    }
    Ok(())
}

/// Runs `api roles …`, which succeeds.
async fn roles(site: &Site, arguments: &[&str]) -> TestResult {
    let ran = site.api.run(&[&["roles"], arguments].concat()).await?;
    assert!(ran.status.success(), "{arguments:?}: {ran:?}");
    Ok(())
}

/// Bans, again while the connection to the system account is still on its way.
async fn ban(site: &Site, whom: &Value) -> Result<Value, Error> {
    eventually(Duration::from_secs(60), "the ban is complete", async || {
        let answer = site.call("/v1/revoke", Some(&site.admin), whom).await?;
        Ok(if answer.status() == 200 { Some(answer.json().await?) } else { None })
    })
    .await
}
