//! Logs the pages that a contract breaks (design section 6, Contracts).

use hydra_contract::ContractProblem;
use hydra_runtime_wire::lines;

/// Logs contract problems: only the first ones if there are many.
pub fn log(problems: &[ContractProblem]) {
    let more = lines::first(problems, |one| {
        let ContractProblem {
            asker,
            service,
            reference,
            reason,
            mend,
            ..
        } = one;
        let page = one.pages.first().map(|page| lines::cut(page));
        tracing::warn!(
            page,
            asker = lines::cut(asker),
            service = lines::cut(service),
            r#ref = lines::cut(reference),
            attribute = one.attribute.as_deref().map(lines::cut),
            reason = lines::cut(reason),
            mend = lines::cut(mend),
            "pages and a contract do not fit"
        );
    });
    if more > 0 {
        tracing::warn!(more, "more pages and contracts do not fit");
    }
}
