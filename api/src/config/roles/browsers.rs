//! What goes for roles over WEBSOCKET alone, and for what they publish to.

use std::ops::Range;

use super::{fields::Mistakes, streams::Placed};
use crate::{
    mint::Role,
    streams::{DeclaredStream, Kind},
};

/// Checks that a role's browsers reach nothing by what they publish but what it says.
pub(super) fn check(
    role: &Role,
    declared: &[Placed],
    what: &str,
    span: &Range<usize>,
    mistakes: &mut Mistakes<'_>,
) {
    if !role.is_for_browsers() {
        return;
    }
    for pattern in &role.template.publish.allow {
        if let Err(problem) = check_pattern(pattern, declared) {
            mistakes.add(span, format!("{what}: {problem}"));
        }
    }
}

fn check_pattern(pattern: &str, declared: &[Placed]) -> Result<(), String> {
    if pattern.starts_with("$JS.") {
        return Err(format!(
            "with {pattern:?} a browser could have anything done: JetStream answers wherever the \
             asker says, with rights of its own, and also on $JS.API.STREAM.DELETE.x; let it \
             subscribe instead, or a back end ask, which comes by \"STANDARD\" alone"
        ));
    }
    if pattern.starts_with("$O.") {
        return Err(format!(
            "with {pattern:?} a browser could empty a bucket by a Nats-Rollup header, which those \
             of objects need; let it come by HTTP, with [[role.objects]], or have a back end write \
             there, which comes by \"STANDARD\" alone"
        ));
    }
    if pattern.starts_with("$SRV.") {
        return Err(format!(
            "with {pattern:?} a browser could have services publish anywhere: they answer wherever \
             the asker says, with rights of their own; have a back end ask, which comes by \
             \"STANDARD\" alone"
        ));
    }
    let Some(rest) = pattern.strip_prefix("$KV.") else { return Ok(()) };
    let bucket = rest.split('.').next().unwrap_or_default();
    let is_declared = declared.iter().map(toml::Spanned::get_ref).any(|stream| {
        stream.kind == Kind::Bucket && stream.name == DeclaredStream::of_bucket(bucket)
    });
    if !is_declared {
        return Err(format!(
            "with {pattern:?} a browser could empty a bucket by a Nats-Rollup header, unless it is \
             one made to take none: declare [[bucket]] with the name {bucket:?}"
        ));
    }
    if !rest.contains("{{") {
        return Err(format!(
            "{pattern:?} lets every browser write over what the others wrote; a key holds \
             {{{{subject()}}}}, or the {{{{tag()}}}} of a channel"
        ));
    }
    Ok(())
}

/// Settles which streams confirm what they store: those that no browser publishes to.
pub(super) fn settle_confirmations(
    roles: &[Role],
    declared: Vec<Placed>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<DeclaredStream> {
    declared
        .into_iter()
        .map(|placed| {
            let span = placed.span();
            let mut stream = placed.into_inner();
            let is_written_by_browsers = roles
                .iter()
                .filter(|role| role.is_for_browsers())
                .any(|role| stream.subjects.iter().any(|subject| role.may_reach(subject)));
            stream.confirms = !is_written_by_browsers;
            if is_written_by_browsers && stream.kind == Kind::Bucket && stream.max_age.is_none() {
                let surprise = format!(
                    "{}: browsers write here, each under a key of its own, and nothing without \
                     ttl_seconds is ever dropped; when max_bytes are used up, nobody writes any more",
                    stream.name
                );
                mistakes.warn(&span, surprise);
            }
            stream
        })
        .collect()
}
