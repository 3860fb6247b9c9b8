//! The mint by the clock: tokens a second on one core.
#![expect(clippy::expect_used, reason = "a benchmark whose data is wrong has nothing to measure")]

use std::time::Duration;

use api::auth::Identity;
use api::claims::{
    AccountPair, ConnectionType, NO_LIMIT, Permission, UserKey, UserPair, UserTemplate,
};
use api::mint::{AllowedValues, ChannelKind, Role, RoleName, RolePolicy, mint};
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

fn policy() -> RolePolicy {
    let role = Role {
        name: RoleName::parse("member").expect("a name"),
        given_to: Vec::new(),
        ttl: Duration::from_secs(900),
        channels: vec![ChannelKind { name: "room".into(), values: AllowedValues::Any, max: 8 }],
        consumers: Vec::new(),
        objects: Vec::new(),
        template: UserTemplate {
            publish: Permission::only(["rooms.{{tag(room)}}.chat.{{subject()}}"]),
            subscribe: Permission::only(["_INBOX.{{subject()}}.>", "rooms.{{tag(room)}}.>"]),
            responses: None,
            subs: 32,
            data: NO_LIMIT,
            payload: 1024,
            allowed_connection_types: vec![ConnectionType::Websocket],
        },
    };
    RolePolicy {
        role,
        account: AccountPair::from_random([1; 32]).expect("a key").public().clone(),
        signing_key: AccountPair::from_random([2; 32]).expect("a key"),
    }
}

/// From a public key to a signed token, with so many channels.
#[divan::bench(args = [0, 1, 8])]
fn mint_a_token(bencher: Bencher<'_, '_>, channels: usize) {
    let policy = policy();
    let user = UserPair::from_random([3; 32]).expect("a key");
    let channels: Vec<String> = (0..channels).map(|room| format!("room:{room}")).collect();
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        let nkey = UserKey::parse(user.public().as_str()).expect("a key");
        let grant = policy.grant(&Identity::Guest, nkey, &channels).expect("channels");
        mint(&grant, 1_800_000_000, [9; 16]).expect("a token")
    });
}
