//! The same work for many things: side by side, unless there is only one.

use rayon::prelude::*;

/// What `work` makes of each item, by its index, in order. One item alone is worked on in this thread: to wake others for it
/// would take as long as the check of a small file.
pub(crate) fn each<'i, T: Sync, R: Send>(items: &'i [T], work: impl Fn(usize, &'i T) -> R + Sync) -> Vec<R> {
    match items {
        [one] => vec![work(0, one)],
        _ => {
            let all = items.par_iter().enumerate();
            all.map(|(index, item)| work(index, item)).collect()
        }
    }
}
