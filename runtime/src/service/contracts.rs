//! Contracts: what this application says, and what it hears of pages that theirs or others' break.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use hydra_contract::{Contract, ContractProblem};
use hydra_runtime_net::contracts::log;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// How much of a registration what pages ask for may take, in bytes: gateways refuse the whole from 2 MiB on.
const MOST_ASKED: usize = 1 << 20;

/// The contract problems that the log has already.
#[derive(Debug, Default)]
pub(super) struct Told(
    /// Held for one look, never across an await.
    Mutex<BTreeSet<ContractProblem>>,
);

impl Told {
    /// Takes in all problems that there are now, and logs those that are new, and that there are none any more.
    pub(super) fn news(&self, problems: Vec<ContractProblem>) {
        let (fresh, is_mended) = self.change(problems);
        log(&fresh);
        if is_mended {
            tracing::info!("pages and contracts fit again");
        }
    }

    /// The problems that were not there before, and whether all are gone.
    fn change(&self, problems: Vec<ContractProblem>) -> (Vec<ContractProblem>, bool) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now: BTreeSet<_> = problems.into_iter().collect();
        let fresh = now.difference(&told).cloned().collect();
        let is_mended = now.is_empty() && !told.is_empty();
        *told = now;
        (fresh, is_mended)
    }
}

/// The contract as the registration carries it. Where the pages ask for so much that it would not be taken, it says only
/// what the application offers.
pub(super) fn bounded(mut contract: Contract) -> Contract {
    // Texts and numbers alone can't fail to be written.
    let size = serde_json::to_vec(&contract.asks).map_or(usize::MAX, |asks| asks.len());
    if size > MOST_ASKED {
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
        let told = Told::default();
        let (a, b) = (problem("a"), problem("b"));
        assert_eq!(told.change(vec![]), (vec![], false));
        assert_eq!(told.change(vec![a.clone()]), (vec![a.clone()], false));
        assert_eq!(told.change(vec![a.clone(), b.clone()]), (vec![b.clone()], false));
        assert_eq!(told.change(vec![a.clone(), b]), (vec![], false));
        assert_eq!(told.change(vec![]), (vec![], true));
        assert_eq!(told.change(vec![a.clone()]), (vec![a], false));
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
        assert_eq!(bounded(asks(100)).asks.len(), 100);
        assert_eq!(bounded(asks(2_000)).asks.len(), 0);
    }
}
