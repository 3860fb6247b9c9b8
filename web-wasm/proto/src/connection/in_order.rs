//! Ids in the order in which they were given.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;

/// These ids, lowest first. By a heap, which takes little code: that of the slices' own sorting is a
/// hundredth of all that a browser has to load.
pub(super) fn in_order(ids: impl Iterator<Item = u64>) -> Vec<u64> {
    ids.collect::<BinaryHeap<u64>>().into_sorted_vec()
}
