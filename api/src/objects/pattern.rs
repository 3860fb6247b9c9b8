//! Which objects a role may have.

use std::fmt;

use super::{
    name::{ObjectName, is_segment},
    owner::Owner,
};
use crate::mint::{Channel, is_token};

/// Segments of a pattern at most, as of a name.
const MAX_SEGMENTS: usize = 16;

/// A pattern of names: segments as a name's, `*` for any one, a last `>` for one or more,
/// `{{subject()}}` for the caller's own name ([`Owner`]), and `{{tag(KIND)}}` for the value of a
/// channel that the caller has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPattern {
    segments: Vec<Segment>,
    /// Whether one or more segments follow.
    goes_on: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Subject,
    Tag(String),
    Any,
}

/// A text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A segment is empty.
    #[error("it has an empty segment: no `/` may begin or end it or follow another")]
    EmptySegment,
    /// There are more segments than a name can have.
    #[error("it has more than {MAX_SEGMENTS} segments, which no name has")]
    TooLong,
    /// `>` is not the last segment.
    #[error("`>` stands for all that follows and must be the last segment")]
    RestWithin,
    /// A segment can't be one of a name.
    #[error(
        "a segment is `*`, a last `>`, {{{{subject()}}}}, {{{{tag(CHANNEL)}}}} or of A-Z, a-z, 0-9, `.`, \
         `_` and `-`, and neither `.` nor `..`"
    )]
    Segment,
}

impl ObjectPattern {
    /// Reads a pattern strictly.
    ///
    /// # Errors
    /// [`PatternError`]: what is wrong.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let texts: Vec<&str> = text.split('/').collect();
        if texts.len() > MAX_SEGMENTS {
            return Err(PatternError::TooLong);
        }
        let (last, before) = texts.split_last().ok_or(PatternError::EmptySegment)?;
        let goes_on = *last == ">";
        let named = if goes_on { before } else { &texts[..] };
        let segments = named.iter().map(|text| segment(text)).collect::<Result<_, _>>()?;
        Ok(Self { segments, goes_on })
    }

    /// The kinds of channels that it has values of.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Tag(kind) => Some(kind.as_str()),
            _ => None,
        })
    }

    /// Whether it has the caller's own name in it.
    #[must_use]
    pub fn has_subject(&self) -> bool {
        self.segments.contains(&Segment::Subject)
    }

    /// Whether it is for this object, of somebody with this name and these channels. Where there is
    /// no name, or no such channel, what it would be part of matches nothing.
    #[must_use]
    pub fn matches(&self, name: &ObjectName, owner: Option<&Owner>, channels: &[Channel]) -> bool {
        let mut had = name.segments();
        let begins = self.segments.iter().all(|segment| {
            had.next().is_some_and(|had| match segment {
                Segment::Literal(text) => text == had,
                Segment::Subject => owner.is_some_and(|owner| owner.as_str() == had),
                Segment::Tag(kind) => {
                    channels.iter().any(|channel| channel.kind() == kind && channel.value() == had)
                }
                Segment::Any => true,
            })
        });
        begins && had.next().is_some() == self.goes_on
    }
}

fn segment(text: &str) -> Result<Segment, PatternError> {
    match text {
        "" => Err(PatternError::EmptySegment),
        ">" => Err(PatternError::RestWithin),
        "*" => Ok(Segment::Any),
        "{{subject()}}" => Ok(Segment::Subject),
        _ => match text.strip_prefix("{{tag(").and_then(|rest| rest.strip_suffix(")}}")) {
            Some(kind) if is_token(kind) => Ok(Segment::Tag(kind.to_owned())),
            None if is_segment(text) => Ok(Segment::Literal(text.to_owned())),
            _ => Err(PatternError::Segment),
        },
    }
}

impl fmt::Display for ObjectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self.segments.iter().map(|segment| match segment {
            Segment::Literal(text) => text.clone(),
            Segment::Subject => "{{subject()}}".to_owned(),
            Segment::Tag(kind) => format!("{{{{tag({kind})}}}}"),
            Segment::Any => "*".to_owned(),
        });
        let texts: Vec<String> = texts.chain(self.goes_on.then(|| ">".to_owned())).collect();
        f.write_str(&texts.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Identity;

    fn owner(name: &str) -> Owner {
        Owner::of(&Identity::Service { name: name.to_owned() }).unwrap()
    }

    fn matches(pattern: &str, name: &str) -> bool {
        let channels = ["room:7", "room:a", "hall:b"].map(|text| Channel::parse(text).unwrap());
        let name = ObjectName::parse(name).unwrap();
        ObjectPattern::parse(pattern).unwrap().matches(&name, Some(&owner("me")), &channels)
    }

    #[test]
    fn each_segment_matches_what_it_says_and_nothing_else() {
        for (pattern, name, expected) in [
            ("a", "a", true),
            ("a", "A", false),
            ("a", "a/b", false),
            ("a/b", "a", false),
            ("*", "a", true),
            ("*", "a/b", false),
            ("a/*/c", "a/b/c", true),
            ("a/*/c", "a/b/d", false),
            (">", "a", true),
            (">", "a/b/c", true),
            ("a/>", "a", false),
            ("a/>", "a/b", true),
            ("a/>", "a/b/c", true),
            ("a/>", "ab/c", false),
            ("rooms/{{tag(room)}}/>", "rooms/7/x", true),
            ("rooms/{{tag(room)}}/>", "rooms/a/x/y", true),
            ("rooms/{{tag(room)}}/>", "rooms/8/x", false),
            ("rooms/{{tag(room)}}/>", "rooms/b/x", false),
            ("rooms/{{tag(room)}}/>", "rooms/7", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        let (mine, theirs) = (format!("u/{}/x", owner("me")), format!("u/{}/x", owner("you")));
        assert!(matches("u/{{subject()}}/*", &mine));
        assert!(!matches("u/{{subject()}}/*", &theirs));
    }

    #[test]
    fn nobody_in_particular_and_no_channel_match_nothing() {
        for text in ["{{subject()}}/>", "{{tag(room)}}/>"] {
            let pattern = ObjectPattern::parse(text).unwrap();
            for name in [&format!("{}/x", owner("me")), "7/x", "None/x"] {
                let name = ObjectName::parse(name).unwrap();
                assert!(!pattern.matches(&name, None, &[]), "{text} {name}");
            }
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for good in ["a", "*", ">", "a/*/{{subject()}}/{{tag(room)}}/>", "A.b_c-9"] {
            assert_eq!(ObjectPattern::parse(good).unwrap().to_string(), good);
        }
        for (bad, error) in [
            ("", PatternError::EmptySegment),
            ("/a", PatternError::EmptySegment),
            ("a/", PatternError::EmptySegment),
            ("a//>", PatternError::EmptySegment),
            (">/a", PatternError::RestWithin),
            ("a*", PatternError::Segment),
            ("a>", PatternError::Segment),
            ("..", PatternError::Segment),
            ("a/./b", PatternError::Segment),
            ("a b", PatternError::Segment),
            ("%2f", PatternError::Segment),
            ("{{name()}}", PatternError::Segment),
            ("x{{subject()}}", PatternError::Segment),
            ("{{tag(Room)}}", PatternError::Segment),
            ("{{tag()}}", PatternError::Segment),
            (&["a"; 17].join("/"), PatternError::TooLong),
        ] {
            assert_eq!(ObjectPattern::parse(bad), Err(error), "{bad}");
        }
    }
}
