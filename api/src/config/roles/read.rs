//! From the text of the roles file to roles, or to every mistake in it.

use std::{ops::Range, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    MAX_TTL_SECONDS, MIN_TTL_SECONDS, Mistake, RolesFile, answers, browsers,
    channels::{self, ChannelLists},
    consumers,
    fields::{Fields, Mistakes},
    given_to,
    lists::{self, Direction},
    objects,
    streams::{self, Placed},
};
use crate::{
    claims::{
        AccountPair, Claims, ConnectionType, NO_LIMIT, ResponsePermission, UserClaims, UserPair,
        UserTemplate,
    },
    mint::{
        AllowedValues, CallerRule, MAX_JWT_BYTES, MAX_VALUE_BYTES, NAME_ENTROPY, Role, RoleName,
    },
};

/// Roles at most: each adds a key and a template to the account's JWT.
const MAX_ROLES: usize = 32;
/// Bytes of a payload at most, as nats-server is configured.
const MAX_PAYLOAD_BYTES: u64 = 64 << 10;
/// Subscriptions of a connection at most, as nats-server is configured.
const MAX_SUBSCRIPTIONS: u64 = 1024;
/// Answers to one request at most.
const MAX_RESPONSES: u64 = 1000;
/// Longest time an answer may take, in seconds.
const MAX_RESPONSE_SECONDS: u64 = 300;

const NANOSECONDS: i64 = 1_000_000_000;

/// What the file says, and what is no mistake and may surprise.
pub(super) fn file(text: &str) -> Result<(RolesFile, Vec<Mistake>), Vec<Mistake>> {
    let mut mistakes = Mistakes::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        mistakes.add_toml(error, &(0..0));
    }
    // What is left of a text with errors would only be misunderstood.
    let file =
        if mistakes.is_empty() { read_file(document, &mut mistakes) } else { RolesFile::default() };
    if mistakes.is_empty() {
        Ok((file, mistakes.into_warnings()))
    } else {
        Err(mistakes.into_sorted())
    }
}

fn read_file(document: Spanned<DeTable<'_>>, mistakes: &mut Mistakes<'_>) -> RolesFile {
    let mut fields = Fields::new(document, "the file");
    let declared = streams::read(&mut fields, mistakes);
    let mut roles: Vec<Spanned<Role>> = Vec::new();
    match fields.array("role", mistakes) {
        None => mistakes.add(&(0..0), "there is no [[role]]; without one nobody gets in"),
        Some(array) => {
            if array.get_ref().len() > MAX_ROLES {
                mistakes.add(&array.span(), format!("there are more than {MAX_ROLES} roles"));
            }
            for value in array.into_inner() {
                let span = value.span();
                let Some(role) = read_role(value, &declared, mistakes) else { continue };
                if roles.iter().any(|other| other.get_ref().name == role.name) {
                    let problem = format!("there is another role {:?}", role.name.as_str());
                    mistakes.add(&span, problem);
                }
                roles.push(Spanned::new(span, role));
            }
        }
    }
    fields.finish("[[role]], [[bucket]], [[stream]], [[object_bucket]]", mistakes);
    answers::check(&roles, mistakes);
    let roles: Vec<Role> = roles.into_iter().map(Spanned::into_inner).collect();
    let streams = browsers::settle_confirmations(&roles, declared, mistakes);
    RolesFile { roles, streams }
}

fn read_role(
    value: Spanned<DeValue<'_>>,
    declared: &[Placed],
    mistakes: &mut Mistakes<'_>,
) -> Option<Role> {
    let mut fields = Fields::of(value, "a role", mistakes)?;
    let name = fields.required::<String>("name", mistakes).and_then(|name| {
        fields.rename(format!("role {:?}", name.get_ref()));
        RoleName::parse(name.get_ref())
            .map_err(|error| mistakes.add(&name.span(), error.to_string()))
            .ok()
    });
    let given_to = given_to::read(&mut fields, mistakes);
    let ttl = fields.number("ttl_seconds", MIN_TTL_SECONDS..=MAX_TTL_SECONDS, "seconds", mistakes);
    let payload = fields.number("max_payload_bytes", 1..=MAX_PAYLOAD_BYTES, "bytes", mistakes);
    let subs = fields.number("max_subscriptions", 1..=MAX_SUBSCRIPTIONS, "subscriptions", mistakes);
    let allowed_connection_types = read_connection_types(&mut fields, mistakes);
    let responses = read_responses(&mut fields, mistakes);
    let publish = lists::read(Direction::Publish, &mut fields, mistakes);
    let subscribe = lists::read(Direction::Subscribe, &mut fields, mistakes);
    let channels = channels::read(&mut fields, mistakes);
    let consumers = consumers::read(&mut fields, declared, channels.as_deref(), mistakes);
    let objects = objects::read(&mut fields, declared, channels.as_deref(), mistakes);
    let what = fields.what().to_owned();
    let span = fields.span().clone();
    fields.finish(
        "name, given_to, ttl_seconds, max_payload_bytes, max_subscriptions, connection_types, \
         responses, publish, subscribe, channel, consumer, objects",
        mistakes,
    );

    // What a channel opens that cannot be read is not known, and so neither are the whole lists.
    let channels = channels?;
    let opened = |list: fn(&ChannelLists) -> &Vec<String>| -> Vec<String> {
        channels.iter().flat_map(list).cloned().collect()
    };
    let publish =
        publish.and_then(|lists| lists.with(opened(|channel| &channel.publish), &what, mistakes));
    let subscribe = subscribe
        .and_then(|lists| lists.with(opened(|channel| &channel.subscribe), &what, mistakes));
    let consumers = consumers?;
    if let Some(subscribe) = &subscribe {
        consumers::check_inbox(&consumers, subscribe, &what, mistakes);
    }
    let objects = objects?;
    let given_to = given_to?;
    objects::check_callers(&objects, &given_to, &what, mistakes);
    for lists in &channels {
        let from_claim = matches!(lists.kind.values, AllowedValues::InClaim(_));
        if from_claim && !given_to.iter().any(|rule| matches!(rule, CallerRule::User { .. })) {
            let problem = format!(
                "{what}: nobody can have the channel {:?}: its values come from a claim, and the \
                 role is for nobody who has claims",
                lists.kind.name
            );
            mistakes.add(&lists.span, problem);
        }
    }
    let role = Role {
        name: name?,
        given_to,
        ttl: Duration::from_secs(ttl?),
        channels: channels.into_iter().map(|lists| lists.kind).collect(),
        consumers: consumers.into_iter().map(|consumer| consumer.template).collect(),
        objects: objects.into_iter().map(Spanned::into_inner).collect(),
        template: UserTemplate {
            publish: publish?,
            subscribe: subscribe?,
            responses,
            subs: i64::try_from(subs?).ok()?,
            data: NO_LIMIT,
            payload: i64::try_from(payload?).ok()?,
            allowed_connection_types: allowed_connection_types?,
        },
    };
    browsers::check(&role, declared, &what, &span, mistakes);
    check_size(&role, &what, &span, mistakes);
    Some(role)
}

fn read_connection_types(
    fields: &mut Fields<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<ConnectionType>> {
    let Some(array) = fields.array("connection_types", mistakes) else {
        return Some(vec![ConnectionType::Websocket]);
    };
    if array.get_ref().is_empty() {
        let problem = format!(
            "{}: connection_types is empty, which nats-server reads as every kind; leave it out \
             for WEBSOCKET",
            fields.what()
        );
        mistakes.add(&array.span(), problem);
        return None;
    }
    let mut types = Vec::new();
    for value in array.into_inner() {
        match value.get_ref().as_str() {
            Some("WEBSOCKET") => types.push(ConnectionType::Websocket),
            Some("STANDARD") => types.push(ConnectionType::Standard),
            _ => {
                let problem = format!(
                    "{}: connection_types holds \"WEBSOCKET\" or \"STANDARD\" (TCP)",
                    fields.what()
                );
                mistakes.add(&value.span(), problem);
            }
        }
    }
    Some(types)
}

fn read_responses(
    fields: &mut Fields<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<ResponsePermission> {
    let value = fields.take("responses")?;
    let mut fields = Fields::of(value, format!("{}: responses", fields.what()), mistakes)?;
    let max = fields.number("max", 1..=MAX_RESPONSES, "answers", mistakes);
    let ttl = fields.number("ttl_seconds", 1..=MAX_RESPONSE_SECONDS, "seconds", mistakes);
    fields.finish("max, ttl_seconds", mistakes);
    Some(ResponsePermission {
        max: i64::try_from(max?).ok()?,
        ttl: i64::try_from(ttl?).ok()? * NANOSECONDS,
    })
}

/// Makes the largest token the role can have, and measures it.
fn check_size(role: &Role, what: &str, span: &Range<usize>, mistakes: &mut Mistakes<'_>) {
    let tags = role
        .channels
        .iter()
        .flat_map(|kind| {
            (0..kind.max).map(|_| format!("{}:{}", kind.name, "x".repeat(MAX_VALUE_BYTES)))
        })
        .collect();
    // Any keys do: all are of one length.
    let (Ok(account), Ok(user)) =
        (AccountPair::from_random([0; 32]), UserPair::from_random([0; 32]))
    else {
        return;
    };
    let name = format!("{}-{}", role.name, "0".repeat(2 * NAME_ENTROPY));
    let body = UserClaims::scoped(account.public().clone(), tags);
    // A time with as many digits as there will be for the next 250 years.
    let time = 9_999_999_999;
    match Claims::sign(user.public(), &name, time, Some(time), body, &account) {
        Ok(jwt) if jwt.as_str().len() <= MAX_JWT_BYTES => {}
        Ok(jwt) => mistakes.add(
            span,
            format!(
                "{what}: with all its channels a token has {} bytes, and {MAX_JWT_BYTES} fit a \
                 login; lower max",
                jwt.as_str().len()
            ),
        ),
        Err(error) => mistakes.add(span, format!("{what}: {error}")),
    }
}
