//! An error and what caused it, on one line.

use std::{error::Error, fmt};

/// Shows an error followed by the causes below it, separated by colons. A cause that the text before
/// it already contains is left out.
#[derive(Debug)]
pub struct Causes<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut source = self.0.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot start: {0}")]
    struct Told(#[source] Untold);

    #[derive(Debug, thiserror::Error)]
    #[error("the disk is full")]
    struct Untold(#[source] std::io::Error);

    #[test]
    fn each_cause_is_told_once() {
        let error = Told(Untold(std::io::Error::other("quota")));
        assert_eq!(Causes(&error).to_string(), "cannot start: the disk is full: quota");
    }
}
