//! Pieces that must make up an object.

use alloc::string::String;

use super::info::ObjectInfo;

/// Counts the pieces of an object as they come, and says whether they are all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembly {
    chunks: u64,
    size: u64,
    digest: Option<String>,
    had_chunks: u64,
    had_size: u64,
}

/// Why pieces don't make up the object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssemblyError {
    /// Pieces are missing.
    #[error("{had} of {chunks} pieces are there")]
    Incomplete {
        /// How many there are.
        had: u64,
        /// How many there should be.
        chunks: u64,
    },
    /// The pieces have more or fewer bytes than they should.
    #[error("the pieces have {had} bytes instead of {size}")]
    WrongSize {
        /// How many they have.
        had: u64,
        /// How many they should have.
        size: u64,
    },
    /// The bytes are not those that were put into the store.
    #[error("the digest of the bytes is {had} instead of {digest}")]
    WrongDigest {
        /// The one that they have.
        had: String,
        /// The one that they should have.
        digest: String,
    },
}

impl Assembly {
    /// The assembly of an object.
    pub fn new(info: &ObjectInfo) -> Self {
        let ObjectInfo { chunks, size, .. } = *info;
        Self { chunks, size, digest: info.digest.clone(), had_chunks: 0, had_size: 0 }
    }

    /// Whether every piece has come.
    pub fn is_complete(&self) -> bool {
        self.had_chunks >= self.chunks
    }

    /// How many bytes have come.
    pub fn had_size(&self) -> u64 {
        self.had_size
    }

    /// A piece of so many bytes came, and `pending` more are there.
    ///
    /// # Errors
    /// [`AssemblyError`], as soon as it is certain that they don't make up the object.
    pub fn add(&mut self, len: usize, pending: u64) -> Result<(), AssemblyError> {
        self.had_chunks += 1;
        self.had_size += len as u64;
        let Self { chunks, size, had_chunks, had_size, .. } = *self;
        if had_size > size {
            return Err(AssemblyError::WrongSize { had: had_size, size });
        }
        if pending == 0 && had_chunks < chunks {
            return Err(AssemblyError::Incomplete { had: had_chunks, chunks });
        }
        Ok(())
    }

    /// Every piece has come, and this is their digest. An object without one is taken as it is.
    ///
    /// # Errors
    /// [`AssemblyError`].
    pub fn finish(&self, digest: &str) -> Result<(), AssemblyError> {
        let Self { chunks, size, had_chunks, had_size, .. } = *self;
        if had_chunks < chunks {
            return Err(AssemblyError::Incomplete { had: had_chunks, chunks });
        }
        if had_size != size {
            return Err(AssemblyError::WrongSize { had: had_size, size });
        }
        match &self.digest {
            // Some clients leave out the padding.
            Some(own) if own.trim_end_matches('=') != digest.trim_end_matches('=') => {
                let (had, digest) = (digest.into(), own.clone());
                Err(AssemblyError::WrongDigest { had, digest })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assembly() -> Assembly {
        let mut info = ObjectInfo::new("a".into(), "b", "c".into());
        info.chunks = 2;
        info.size = 5;
        info.digest = Some("SHA-256=x=".into());
        Assembly::new(&info)
    }

    #[test]
    fn pieces_are_counted_and_compared() {
        let mut whole = assembly();
        assert!(!whole.is_complete());
        assert_eq!(whole.add(3, 1), Ok(()));
        assert_eq!(
            whole.finish("SHA-256=x="),
            Err(AssemblyError::Incomplete { had: 1, chunks: 2 })
        );
        assert_eq!(whole.add(2, 0), Ok(()));
        assert!(whole.is_complete());
        assert_eq!(whole.finish("SHA-256=x="), Ok(()));
        assert_eq!(whole.finish("SHA-256=x"), Ok(()));
        let wrong =
            AssemblyError::WrongDigest { had: "SHA-256=y=".into(), digest: "SHA-256=x=".into() };
        assert_eq!(whole.finish("SHA-256=y="), Err(wrong));

        let mut short = assembly();
        assert_eq!(short.add(3, 0), Err(AssemblyError::Incomplete { had: 1, chunks: 2 }));
        let mut long = assembly();
        assert_eq!(long.add(6, 1), Err(AssemblyError::WrongSize { had: 6, size: 5 }));
        let mut small = assembly();
        assert_eq!((small.add(1, 1), small.add(1, 0)), (Ok(()), Ok(())));
        assert_eq!(small.finish("SHA-256=x="), Err(AssemblyError::WrongSize { had: 2, size: 5 }));
    }
}
