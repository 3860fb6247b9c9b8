//! Whom holders of a role may answer.
//!
//! The right to answer is a right to publish wherever the asker says, on nats-server's own subjects as
//! well, and no list of the role's binds it. So whoever may choose the subject has that right, too: it
//! is enough to be heard by a holder of the role, and who holds the role may hear itself.

use toml::Spanned;

use super::fields::Mistakes;
use crate::mint::{Role, with_wildcards};

/// Checks that browsers can have no browser answer, and warns of back ends that answer some.
pub(super) fn check(roles: &[Spanned<Role>], mistakes: &mut Mistakes<'_>) {
    let browsers: Vec<&Role> =
        roles.iter().map(Spanned::get_ref).filter(|role| role.is_for_browsers()).collect();
    for placed in roles {
        let role = placed.get_ref();
        if role.template.responses.is_none() {
            continue;
        }
        let asked = role.template.subscribe.allow.iter().find_map(|pattern| {
            let heard = with_wildcards(pattern);
            let asker = browsers.iter().find(|browser| browser.may_reach(&heard))?;
            Some((pattern, &asker.name))
        });
        let Some((pattern, asker)) = asked else { continue };
        let what = format!(
            "role {:?}: with responses a holder answers wherever the asker says, and on {pattern:?} \
             holders of {:?} ask, who come by \"WEBSOCKET\"",
            role.name.as_str(),
            asker.as_str(),
        );
        if role.is_for_browsers() {
            let problem = format!(
                "{what}; so they could have anything published, $JS.API.STREAM.DELETE.x among it: \
                 let only back ends publish there, which come by \"STANDARD\" alone"
            );
            mistakes.add(&placed.span(), problem);
        } else {
            let surprise = format!(
                "{what}; its program has to look whether the reply subject is the asker's inbox"
            );
            mistakes.warn(&placed.span(), surprise);
        }
    }
}
