//! Finds circles of files that include or extend each other.
#![deny(clippy::disallowed_methods)]

/// The circles of a graph, each as the nodes on the way round. Every circle has at least one node that is in no other result.
pub(super) fn circles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const NEW: u8 = 0;
    const OPEN: u8 = 1;
    const DONE: u8 = 2;
    let mut state = vec![NEW; edges.len()];
    let mut found = Vec::new();
    for start in 0..edges.len() {
        if state[start] != NEW {
            continue;
        }
        state[start] = OPEN;
        // Each node of the way, with the next of its edges to try.
        let mut way = vec![(start, 0)];
        while let Some((node, next)) = way.last_mut() {
            let Some(target) = edges[*node].get(*next).copied() else {
                state[*node] = DONE;
                way.pop();
                continue;
            };
            *next += 1;
            match state.get(target).copied() {
                Some(NEW) => {
                    state[target] = OPEN;
                    way.push((target, 0));
                }
                Some(OPEN) => {
                    let from = way.iter().position(|(node, _)| *node == target).unwrap_or(0);
                    found.push(way[from..].iter().map(|(node, _)| *node).collect());
                }
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::circles;

    #[test]
    fn circles_are_found_once() {
        for (edges, expected) in [
            (vec![vec![1], vec![2], vec![]], vec![]),
            (vec![vec![0]], vec![vec![0]]),
            (vec![vec![1], vec![2], vec![0]], vec![vec![0, 1, 2]]),
            (vec![vec![1, 2], vec![3], vec![3], vec![]], vec![]),
            (vec![vec![1], vec![0], vec![0]], vec![vec![0, 1]]),
        ] {
            assert_eq!(circles(&edges), expected);
        }
    }
}
