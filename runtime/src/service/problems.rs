//! Contract problems, which the gateway reports and this application logs, and the contract that it registers.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use hydra_contract::{Contract, ContractProblem};
use hydra_runtime_net::contracts::log;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::limits::MAX_ASKS_BYTES;

/// The contract problems that were logged already.
#[derive(Debug, Default)]
pub(super) struct LoggedProblems(
    /// Locked for one look-up, never across an await.
    Mutex<BTreeSet<ContractProblem>>,
);

impl LoggedProblems {
    /// Takes in all current problems. Logs those that are new, and when the last one is gone.
    pub(super) fn report(&self, problems: Vec<ContractProblem>) {
        let (fresh, is_mended) = self.change(problems);
        log(&fresh);
        if is_mended {
            tracing::info!("pages and contracts fit again");
        }
    }

    /// The problems that are new, and whether the last one is gone.
    fn change(&self, problems: Vec<ContractProblem>) -> (Vec<ContractProblem>, bool) {
        let mut logged_problems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now: BTreeSet<_> = problems.into_iter().collect();
        let fresh = now.difference(&logged_problems).cloned().collect();
        let is_mended = now.is_empty() && !logged_problems.is_empty();
        *logged_problems = now;
        (fresh, is_mended)
    }
}

/// The contract for the registration. Where the pages ask for so much that gateways would refuse it, it describes only
/// what the application offers.
pub(super) fn within_limit(mut contract: Contract) -> Contract {
    // Serializing texts and numbers can't fail.
    let size = serde_json::to_vec(&contract.asks).map_or(usize::MAX, |asks| asks.len());
    if size > MAX_ASKS_BYTES {
        tracing::warn!(
            size,
            "the list of fragments that the pages use is too long to register: the gateway can't warn when a contract breaks these pages"
        );
        contract.asks.clear();
    }
    contract
}

/// The path of the overview, with the contract problems of `service`.
pub(super) fn overview_path(overview: &str, service: &str) -> String {
    let service = utf8_percent_encode(service, NON_ALPHANUMERIC);
    format!("{overview}?service={service}")
}

#[cfg(test)]
mod tests {
    use hydra_contract::FragmentUse;

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
                FragmentUse {
                    reference: "x".repeat(1_000),
                    ..FragmentUse::default()
                };
                count
            ],
            ..Contract::default()
        };
        assert_eq!(within_limit(asks(100)).asks.len(), 100);
        assert_eq!(within_limit(asks(2_000)).asks.len(), 0);
    }
}
