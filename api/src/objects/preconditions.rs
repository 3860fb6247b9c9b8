//! What must be so for something to be done.

/// Versions of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    /// Whatever there is.
    Any,
    /// One of these.
    Listed(Vec<String>),
}

impl Tags {
    fn has(&self, current: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|tag| tag == current),
        }
    }
}

/// What must be so for something to be done (RFC 9110 §13.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// The object must be there, as one of these versions.
    pub matching: Option<Tags>,
    /// It must not.
    pub not_matching: Option<Tags>,
}

impl Preconditions {
    /// Whether they hold for an object of which this version is there, or none.
    #[must_use]
    pub fn hold(&self, current: Option<&str>) -> bool {
        let is_one_of = |tags: &Tags| current.is_some_and(|current| tags.has(current));
        self.matching.as_ref().is_none_or(is_one_of)
            && !self.not_matching.as_ref().is_some_and(is_one_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_holds_when_it_should() {
        let listed = |tag: &str| Some(Tags::Listed(vec!["x".into(), tag.into()]));
        let (any, none) = (Some(Tags::Any), None);
        for (matching, not_matching, current, expected) in [
            (none.clone(), none.clone(), None, true),
            (none.clone(), none.clone(), Some("a"), true),
            (any.clone(), none.clone(), None, false),
            (any.clone(), none.clone(), Some("a"), true),
            (listed("a"), none.clone(), Some("a"), true),
            (listed("b"), none.clone(), Some("a"), false),
            (listed("a"), none.clone(), None, false),
            (none.clone(), any.clone(), None, true),
            (none.clone(), any, Some("a"), false),
            (none.clone(), listed("a"), Some("a"), false),
            (none.clone(), listed("b"), Some("a"), true),
            (listed("a"), listed("b"), Some("a"), true),
        ] {
            let preconditions = Preconditions { matching, not_matching };
            assert_eq!(preconditions.hold(current), expected, "{preconditions:?} {current:?}");
        }
    }
}
