//! Which reply subjects a service answers to.
//!
//! Whoever asks chooses the reply subject, and whoever answers publishes there with rights of his own:
//! a service that answers to any subject lends its rights to every caller. One that may publish to
//! `orders.>` can be made to place an order, by a caller who may not, with a request whose reply subject
//! is `orders.new`. So a service should answer to inboxes only, and where the server binds callers to
//! subjects of their own, to the inbox of the one who asks.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::subject::{Subject, SubjectError, matches, validate_pattern, validate_publish};

type Judge = dyn Fn(&Subject, &Subject) -> bool;

/// Which reply subjects a service answers to. A request with another one is not handled at all.
///
/// ```
/// use nats_proto::service::ReplyFilter;
///
/// // Callers ask on `api.<who>.…`, which the server holds them to, and have inboxes below
/// // `_INBOX.<who>`.
/// let own_inbox = ReplyFilter::judged_by(|subject, reply| {
///     let who = subject.split('.').nth(1).unwrap_or_default();
///     reply.strip_prefix("_INBOX.").and_then(|rest| rest.strip_prefix(who)).is_some_and(|rest| rest.starts_with('.'))
/// });
/// assert!(own_inbox.admits(&"api.alice.get".into(), &"_INBOX.alice.x1".into()));
/// assert!(!own_inbox.admits(&"api.alice.get".into(), &"_INBOX.bob.x1".into()));
/// ```
#[derive(Clone, Default)]
pub struct ReplyFilter(Kind);

#[derive(Clone, Default)]
enum Kind {
    /// Those that are not the system's.
    #[default]
    Ordinary,
    /// Those that one of the patterns matches.
    Matching(Vec<String>),
    /// Those that the caller finds good.
    Judged(Rc<Judge>),
}

impl ReplyFilter {
    /// Only reply subjects below one of these prefixes, each a subject without wildcards such as
    /// `_INBOX`.
    ///
    /// # Errors
    /// Any [`SubjectError`] of a prefix.
    pub fn under<'a>(prefixes: impl IntoIterator<Item = &'a str>) -> Result<Self, SubjectError> {
        let mut patterns = Vec::new();
        for prefix in prefixes {
            validate_publish(prefix)?;
            let pattern = [prefix, ".>"].concat();
            validate_pattern(&pattern)?;
            patterns.push(pattern);
        }
        Ok(Self(Kind::Matching(patterns)))
    }

    /// Only reply subjects that a function finds good. It is given the subject of the request, then
    /// the reply subject.
    pub fn judged_by(judge: impl Fn(&Subject, &Subject) -> bool + 'static) -> Self {
        Self(Kind::Judged(Rc::new(judge)))
    }

    /// Whether a request on `subject` may be answered on `reply`.
    ///
    /// Whatever the filter, what can't be published to is refused.
    pub fn admits(&self, subject: &Subject, reply: &Subject) -> bool {
        validate_publish(reply).is_ok()
            && match &self.0 {
                Kind::Ordinary => !reply.starts_with('$'),
                Kind::Matching(patterns) => patterns.iter().any(|pattern| matches(pattern, reply)),
                Kind::Judged(judge) => judge(subject, reply),
            }
    }
}

impl fmt::Debug for ReplyFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Ordinary => f.write_str("Ordinary"),
            Kind::Matching(patterns) => f.debug_list().entries(patterns).finish(),
            Kind::Judged(_) => f.write_str("Judged"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(filter: &ReplyFilter, reply: &'static str) -> bool {
        filter.admits(&Subject::from_static("ask"), &Subject::from_static(reply))
    }

    #[test]
    fn without_a_filter_the_system_is_out_of_reach() {
        let any = ReplyFilter::default();
        for good in ["_INBOX.a.b", "answers", "a.$x"] {
            assert!(admits(&any, good), "{good}");
        }
        for evil in
            ["$JS.API.STREAM.DELETE.s", "$SYS.REQ", "$SRV.PING", "$KV.b.k", "a.*", "a b", ""]
        {
            assert!(!admits(&any, evil), "{evil}");
        }
    }

    #[test]
    fn a_prefix_is_whole_tokens() {
        let filter = ReplyFilter::under(["_INBOX.me", "_INBOX.you"]).unwrap();
        for good in ["_INBOX.me.1", "_INBOX.you.1.2"] {
            assert!(admits(&filter, good), "{good}");
        }
        for evil in ["_INBOX.me", "_INBOX.mean.1", "_INBOX.them.1", "orders.new", "_INBOX.me.>"] {
            assert!(!admits(&filter, evil), "{evil}");
        }
        assert!(!admits(&ReplyFilter::under([]).unwrap(), "_INBOX.1"), "nothing is nothing");
        let open = ReplyFilter::under(["_INBOX.*"]).err();
        assert_eq!(open, Some(SubjectError::Wildcard { at: 7 }));
    }

    #[test]
    fn a_judge_is_not_asked_what_cant_be_published_to() {
        let all = ReplyFilter::judged_by(|_, _| true);
        assert!(admits(&all, "$JS.ACK.x"));
        assert!(!admits(&all, "a.>"));
    }
}
