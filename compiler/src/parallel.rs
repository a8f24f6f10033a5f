//! Does the same work for each item of a list, on all cores.

use rayon::prelude::*;

/// Applies `work` to each item and its index, and returns the results in order. A single item is processed in this thread,
/// because waking another one takes as long as the check of a small file.
pub(crate) fn each<'i, T: Sync, R: Send>(items: &'i [T], work: impl Fn(usize, &'i T) -> R + Sync) -> Vec<R> {
    match items {
        [one] => vec![work(0, one)],
        _ => {
            let all = items.par_iter().enumerate();
            all.map(|(index, item)| work(index, item)).collect()
        }
    }
}
