//! The roles there are, and what each may do.

use std::fmt;

use crate::claims::{ConnectionType, Permission, UserTemplate};

/// The name of a role: one signing key, one template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoleName {
    /// Anybody: may watch the updates.
    Guest,
}

impl RoleName {
    /// Every role, in the order they are provisioned.
    pub const ALL: [Self; 1] = [Self::Guest];

    /// The name as it stands in the account's JWT and in file names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
        }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The subject that every update is published on.
#[must_use]
pub const fn updates_subject() -> &'static str {
    "com.scaling-ws.updates"
}

/// What a role may do, as it is written into the account's JWT when the keys are made.
///
/// Changing it changes nothing for keys that exist: the running service reads the account's JWT,
/// not this.
#[must_use]
pub fn template(role: RoleName) -> UserTemplate {
    match role {
        RoleName::Guest => UserTemplate {
            publish: Permission::nothing(),
            // The user's own inbox and nobody else's: `_INBOX.>` would read every reply there is.
            subscribe: Permission::only([updates_subject(), "_INBOX.{{subject()}}.>"]),
            // A page holds a handful; the rest is room for trying out subjects.
            subs: 32,
            data: crate::claims::NO_LIMIT,
            // A guest publishes nothing, so anything larger is an attack on the parser.
            payload: 1024,
            allowed_connection_types: vec![ConnectionType::Websocket],
        },
    }
}
