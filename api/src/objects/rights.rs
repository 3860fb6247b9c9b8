//! What of a bucket a role gives, and to whom.

use super::{name::ObjectName, owner::Owner, pattern::ObjectPattern};
use crate::mint::Channel;

/// What somebody wants to do with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Have it, or see it in a list.
    Read,
    /// Put it there, or another in its place.
    Write,
    /// Take it away.
    Delete,
}

/// What of one bucket the holders of a role may have; what no pattern is for is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRights {
    /// The bucket.
    pub bucket: String,
    /// What may be read.
    pub read: Vec<ObjectPattern>,
    /// What may be written.
    pub write: Vec<ObjectPattern>,
    /// What may be deleted.
    pub delete: Vec<ObjectPattern>,
}

impl ObjectRights {
    /// The patterns for an action.
    #[must_use]
    pub fn of(&self, action: Action) -> &[ObjectPattern] {
        match action {
            Action::Read => &self.read,
            Action::Write => &self.write,
            Action::Delete => &self.delete,
        }
    }

    /// All patterns.
    pub fn patterns(&self) -> impl Iterator<Item = &ObjectPattern> {
        self.read.iter().chain(&self.write).chain(&self.delete)
    }
}

/// What one caller may do in one bucket. Only [`RolePolicy::objects`](crate::mint::RolePolicy::objects)
/// makes one.
#[derive(Debug)]
pub struct ObjectGrant<'a> {
    rights: &'a ObjectRights,
    owner: Option<Owner>,
    channels: Vec<Channel>,
}

impl<'a> ObjectGrant<'a> {
    pub(crate) fn new(
        rights: &'a ObjectRights,
        owner: Option<Owner>,
        channels: Vec<Channel>,
    ) -> Self {
        Self { rights, owner, channels }
    }

    /// Whether the caller may do this with this object.
    #[must_use]
    pub fn allows(&self, action: Action, name: &ObjectName) -> bool {
        let (owner, channels) = (self.owner.as_ref(), &self.channels);
        self.rights.of(action).iter().any(|pattern| pattern.matches(name, owner, channels))
    }

    /// Whether there can be anything that the caller may read.
    #[must_use]
    pub fn reads_anything(&self) -> bool {
        !self.rights.read.is_empty()
    }

    /// What stands for the caller in names.
    #[must_use]
    pub fn owner(&self) -> Option<&Owner> {
        self.owner.as_ref()
    }
}
