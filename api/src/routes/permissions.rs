//! `GET /v1/permissions`: says whether something is allowed, and by which rule.

use axum::{
    Json,
    extract::State,
    http::{Uri, header},
    response::IntoResponse,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    credentials::{Issuer, parse_nkey, parse_role},
    query::{self, QueryError},
};
use crate::{
    auth::Identity,
    claims::{Permission, SubscriptionVerdict, Verdict, subject},
    error::{Code, Problem},
};

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Action {
    Publish,
    Subscribe,
}

/// The answer.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Explanation {
    subject: String,
    action: Action,
    allowed: bool,
    role: String,
    /// What decided; none where that nothing allows it did.
    rule: Option<Rule>,
    /// Patterns whose messages an allowed subscription does not get.
    kept_back: Vec<String>,
    reason: &'static str,
}

/// An entry of a role's list, with all names put in.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
struct Rule {
    list: List,
    pattern: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum List {
    Allow,
    Deny,
}

/// Says what nats-server would say to the holder of a credential that the caller can have: for
/// `subject` and `action` (`publish`, or `subscribe`, which may be to a pattern), and for what would
/// be asked of `POST /v1/credentials`: `nkey`, `role` and, once for each, `channels`. Without `nkey`,
/// nothing is allowed that a key is part of.
///
/// # Errors
/// * 400 `invalid_query`: a parameter is missing, unknown, given twice, or no action.
/// * 400 `invalid_subject`: nobody can publish there, or subscribe.
/// * 400 `invalid_nkey`, 400 `invalid_channel`, 403 `role_not_allowed`, 403 `channel_not_allowed`,
///   422 `credential_too_large`: as `POST /v1/credentials` would answer.
#[utoipa::path(
    get,
    path = "/v1/permissions",
    params(Query),
    responses((status = 200, description = "An explanation", body = Explanation))
)]
pub async fn permissions(
    identity: Identity,
    State(issuer): State<Issuer>,
    uri: Uri,
) -> Result<impl IntoResponse, Problem> {
    let query = Query::parse(uri.query())?;
    let requested = query.role.as_deref().map(parse_role).transpose()?;
    let nkey = query.nkey.as_deref().map(parse_nkey).transpose()?;
    let policy = issuer.roles.choose(&identity, requested.as_ref())?;
    let rights = policy.rights(&identity, nkey.as_ref(), &query.channels)?;
    let permission = match query.action {
        Action::Publish => rights.publish,
        Action::Subscribe => rights.subscribe,
    };
    let may_answer = policy.role.template.responses.is_some();
    let explanation = explain(query, policy.role.name.to_string(), &permission, may_answer);
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(explanation)))
}

fn explain(query: Query, role: String, permission: &Permission, may_answer: bool) -> Explanation {
    let SubscriptionVerdict { verdict, kept_back } = match query.action {
        Action::Publish => SubscriptionVerdict {
            verdict: permission.verdict(&query.subject),
            kept_back: Vec::new(),
        },
        Action::Subscribe => permission.subscription_verdict(&query.subject),
    };
    let rule = match verdict {
        Verdict::Allowed(Some(pattern)) => Some((List::Allow, pattern)),
        Verdict::Denied(pattern) => Some((List::Deny, pattern)),
        Verdict::Allowed(None) | Verdict::NotListed => None,
    };
    let reason = match (verdict, query.action) {
        (Verdict::Allowed(_), _) if !kept_back.is_empty() => {
            "The role allows it; messages that it denies are kept back one by one."
        }
        (Verdict::Allowed(Some(pattern)), _)
            if pattern.ends_with('*') && query.subject.ends_with('>') =>
        {
            "The role allows it: to nats-server, a last * allows a subscription to >, too."
        }
        (Verdict::Allowed(Some(_)), _) => "The role allows it.",
        (Verdict::Allowed(None), _) => "The role allows whatever it does not deny.",
        (_, Action::Publish) if may_answer => {
            "The role does not allow it, except as the answer to a request that names it."
        }
        (Verdict::Denied(_), _) => "The role denies it.",
        (Verdict::NotListed, Action::Publish) => "Nothing allows it.",
        (Verdict::NotListed, Action::Subscribe) => "Nothing allows all of it.",
    };
    Explanation {
        allowed: verdict.is_allowed(),
        role,
        rule: rule.map(|(list, pattern)| Rule { list, pattern: pattern.to_owned() }),
        kept_back: kept_back.into_iter().map(str::to_owned).collect(),
        reason,
        action: query.action,
        subject: query.subject,
    }
}

/// What is asked.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Query {
    /// A subject or, to subscribe to, a pattern.
    subject: String,
    /// What is to be done with it.
    #[param(inline)]
    action: Action,
    /// The role wanted; absent means the first that is for the caller.
    role: Option<String>,
    /// The public key that the credential is for.
    nkey: Option<String>,
    /// Channels wanted, as `room:7`.
    #[param(required = false)]
    channels: Vec<String>,
}

impl Query {
    fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let names = ["subject", "action", "role", "nkey"];
        let ([subject, action, role, nkey], channels) =
            query::read(query, names, Some("channels")).map_err(refused)?;
        let subject = subject.ok_or_else(|| refused(QueryError::Missing))?;
        let (action, is_valid) = match action.as_deref() {
            Some("publish") => {
                let is_plain = !subject.contains(['*', '>']);
                (Action::Publish, is_plain && subject::is_literal(&subject))
            }
            Some("subscribe") => (Action::Subscribe, subject::is_pattern(&subject)),
            Some(_) => return Err(refused(QueryError::Malformed)),
            None => return Err(refused(QueryError::Missing)),
        };
        if !is_valid {
            return Err(Problem::new(
                Code::InvalidSubject,
                "\"subject\" must be tokens of printable ASCII with dots between them; wildcards \
                 are for subscriptions only.",
            ));
        }
        Ok(Self { subject, action, role, nkey, channels })
    }
}

fn refused(error: QueryError) -> Problem {
    error.answer(
        "Ask with \"subject\" and \"action\" (publish or subscribe), and if needed \"role\", \
         \"nkey\" and, once for each, \"channels\".",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(query: &str) -> Code {
        Query::parse(Some(query)).unwrap_err().code()
    }

    #[test]
    fn queries_are_read_strictly() {
        let query = "subject=a.%3E&action=subscribe&channels=room:7&channels=room%3A8&role=r";
        let query = Query::parse(Some(query)).unwrap();
        assert_eq!((query.subject.as_str(), query.action), ("a.>", Action::Subscribe));
        assert_eq!(query.channels, ["room:7", "room:8"]);
        assert_eq!((query.role.as_deref(), query.nkey), (Some("r"), None));
        for bad in [
            "",
            "subject=a",
            "action=publish",
            "subject=a&action=read",
            "subject=a&action=publish&subject=b",
            "subject=a&action=publish&x=1",
        ] {
            assert_eq!(code(bad), Code::InvalidQuery, "{bad}");
        }
        for bad in [
            "subject=a.*&action=publish",
            "subject=&action=publish",
            "subject=a..b&action=subscribe",
            "subject=a%0d%0a&action=subscribe",
            "subject=%FF&action=subscribe",
            "subject=a+b&action=publish",
        ] {
            assert_eq!(code(bad), Code::InvalidSubject, "{bad}");
        }
    }
}
