//! Contracts: what this application says, and what it hears of pages that theirs or others' break.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use hydra_contract::{Contract, ContractProblem};
use hydra_runtime_net::contracts::log;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::limits::MAX_ASKS_BYTES;

/// The contract problems that the log has already.
#[derive(Debug, Default)]
pub(super) struct LoggedProblems(
    /// Held for one look, never across an await.
    Mutex<BTreeSet<ContractProblem>>,
);

impl LoggedProblems {
    /// Takes in all problems that there are now, and logs those that are new, and that there are none any more.
    pub(super) fn report(&self, problems: Vec<ContractProblem>) {
        let (fresh, is_mended) = self.change(problems);
        log(&fresh);
        if is_mended {
            tracing::info!("pages and contracts fit again");
        }
    }

    /// The problems that were not there before, and whether all are gone.
    fn change(&self, problems: Vec<ContractProblem>) -> (Vec<ContractProblem>, bool) {
        let mut logged_problems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now: BTreeSet<_> = problems.into_iter().collect();
        let fresh = now.difference(&logged_problems).cloned().collect();
        let is_mended = now.is_empty() && !logged_problems.is_empty();
        *logged_problems = now;
        (fresh, is_mended)
    }
}

/// The contract as the registration carries it. Where the pages ask for so much that it would not be taken, it says only
/// what the application offers.
pub(super) fn within_limit(mut contract: Contract) -> Contract {
    // Texts and numbers alone can't fail to be written.
    let size = serde_json::to_vec(&contract.asks).map_or(usize::MAX, |asks| asks.len());
    if size > MAX_ASKS_BYTES {
        tracing::warn!(
            size,
            "the pages ask for too much to tell the gateway: it can't say what would break them"
        );
        contract.asks.clear();
    }
    contract
}

/// Where the overview is, and the contract problems of `service`.
pub(super) fn overview_path(overview: &str, service: &str) -> String {
    let service = utf8_percent_encode(service, NON_ALPHANUMERIC);
    format!("{overview}?service={service}")
}

#[cfg(test)]
mod tests {
    use hydra_contract::Ask;

    use super::*;

    #[test]
    fn each_problem_is_news_once_and_that_all_are_mended_too() {
        let problem = |reason: &str| ContractProblem {
            reason: reason.to_owned(),
            ..ContractProblem::default()
        };
        let logged_problems = LoggedProblems::default();
        let (a, b) = (problem("a"), problem("b"));
        assert_eq!(logged_problems.change(vec![]), (vec![], false));
        assert_eq!(logged_problems.change(vec![a.clone()]), (vec![a.clone()], false));
        assert_eq!(
            logged_problems.change(vec![a.clone(), b.clone()]),
            (vec![b.clone()], false)
        );
        assert_eq!(logged_problems.change(vec![a.clone(), b]), (vec![], false));
        assert_eq!(logged_problems.change(vec![]), (vec![], true));
        assert_eq!(logged_problems.change(vec![a.clone()]), (vec![a], false));
    }

    #[test]
    fn what_pages_ask_for_never_costs_the_registration() {
        let asks = |count: usize| Contract {
            asks: vec![
                Ask {
                    reference: "x".repeat(1_000),
                    ..Ask::default()
                };
                count
            ],
            ..Contract::default()
        };
        assert_eq!(within_limit(asks(100)).asks.len(), 100);
        assert_eq!(within_limit(asks(2_000)).asks.len(), 0);
    }
}
