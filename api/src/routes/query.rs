//! The parameters of a query.

use tracing::debug;
use url::form_urlencoded;

use crate::error::{Code, Problem};

/// Why a query is none of those that a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum QueryError {
    /// There is no parameter of this name, so that whoever wrote it means something else.
    #[error("a parameter is unknown")]
    Unknown,
    /// Only one of the two values could count.
    #[error("a parameter is given twice")]
    Repeated,
    /// It does not go without.
    #[error("a parameter is missing")]
    Missing,
    /// The value is none that the parameter has.
    #[error("a parameter is malformed")]
    Malformed,
}

impl QueryError {
    /// The answer to it: how to ask, since nothing of a request is repeated.
    pub(super) fn answer(self, how_to_ask: &'static str) -> Problem {
        debug!(error = %self, "a query was refused");
        Problem::new(Code::InvalidQuery, how_to_ask)
    }
}

/// Reads the parameters in `once`, in that order, and all values of the one that may be `repeated`.
///
/// # Errors
/// [`QueryError::Unknown`] and [`QueryError::Repeated`]. Bytes that are no UTF-8 are replaced, which
/// whoever reads a value has to refuse.
pub(super) fn read<const N: usize>(
    query: Option<&str>,
    once: [&str; N],
    repeated: Option<&str>,
) -> Result<([Option<String>; N], Vec<String>), QueryError> {
    let (mut values, mut all) = ([const { None }; N], Vec::new());
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if repeated == Some(&*name) {
            all.push(value.into_owned());
            continue;
        }
        let known = once.iter().zip(&mut values).find(|(known, _)| **known == name);
        let (_, given) = known.ok_or(QueryError::Unknown)?;
        if given.replace(value.into_owned()).is_some() {
            return Err(QueryError::Repeated);
        }
    }
    Ok((values, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(query: &str) -> Result<([Option<String>; 2], Vec<String>), QueryError> {
        read(Some(query), ["a", "b"], Some("c"))
    }

    #[test]
    fn parameters_come_in_any_order_and_decoded() {
        let (once, repeated) = values("c=3&b=%26+%3D&c=&c=3").unwrap();
        assert_eq!(once, [None, Some("& =".to_owned())]);
        assert_eq!(repeated, ["3", "", "3"]);
        let nothing = ([None, None], Vec::new());
        assert_eq!(values("").unwrap(), nothing);
        assert_eq!(read(None, ["a", "b"], None).unwrap(), nothing);
        assert_eq!(values("a").unwrap().0, [Some(String::new()), None]);
    }

    #[test]
    fn what_is_wrong_with_a_query_has_a_name() {
        assert_eq!(values("a=1&d=2"), Err(QueryError::Unknown));
        assert_eq!(values("A=1"), Err(QueryError::Unknown));
        assert_eq!(values("=1"), Err(QueryError::Unknown));
        assert_eq!(values("a=1&b=2&a=1"), Err(QueryError::Repeated));
        assert_eq!(values("a&a"), Err(QueryError::Repeated));
        assert_eq!(read(Some("c=1"), ["a"], None), Err(QueryError::Unknown));
        assert_eq!(QueryError::Missing.answer("so").code(), Code::InvalidQuery);
    }
}
