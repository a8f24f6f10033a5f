//! Visitors of two Java instances that keep in memory what they know of their visitors: each of five browsers clicks a counter,
//! and each click goes over a WebSocket of its own.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::Duration,
};

use hydra_tests::Browser;

use super::{Checks, gateway, get, java_application, tokens};

const VISITORS: usize = 5;
const CLICKS: usize = 20;

/// The answers to the clicks of one visitor.
fn clicks(browser: &Browser) -> Vec<String> {
    let mut answers = Vec::new();
    for _ in 0..CLICKS {
        let before =
            "document.querySelector('output').textContent = ''; document.querySelector('button').click()";
        let _ = browser.run(before);
        browser.wait("return document.querySelector('output').textContent !== ''", true);
        let answer = browser.run("return document.querySelector('output').textContent");
        answers.push(answer.as_str().unwrap_or_default().to_owned());
    }
    answers
}

/// Waits until both instances answer visitors without a pin.
fn until_both_answer(at: &str) {
    let mut processes = BTreeSet::new();
    hydra_tests::wait_for("two instances", 3 * super::START, || {
        let answer = get(at, "/where").ok().filter(|answer| answer.status == 200)?;
        processes.insert(answer.body);
        (processes.len() == 2).then_some(())
    });
}

#[test]
fn five_visitors_stay_with_the_java_instances_that_know_them() {
    let mut checks = Checks::default();
    let gateway = gateway("127.0.0.1:0", &tokens()("key"));
    let at = &*gateway.address;
    // Both start at the same time, which takes long on a busy machine.
    let _instances = [(); 2].map(|()| java_application(at).start());
    until_both_answer(at);
    // The instances get visitors by turns, so that each of them has some.
    let mut browsers: Vec<Browser> = (0..VISITORS)
        .map(|_| {
            let browser = Browser::open();
            browser.go(&format!("{at}/clicks"));
            browser.wait("return document.querySelector('button') !== null", true);
            browser
        })
        .collect();
    let is_over = AtomicBool::new(false);
    let (found, others) = thread::scope(|scope| {
        let others = scope.spawn(|| {
            let mut count = 0;
            while !is_over.load(SeqCst) {
                count += usize::from(get(at, "/where").is_ok_and(|answer| answer.status == 200));
                // The applications need the processor for their heartbeats.
                thread::sleep(Duration::from_millis(20));
            }
            count
        });
        let clicking: Vec<_> = browsers
            .iter_mut()
            .map(|browser| scope.spawn(move || clicks(browser)))
            .collect();
        let found: Vec<Vec<String>> = clicking
            .into_iter()
            .map(|clicking| clicking.join().expect("clicked"))
            .collect();
        is_over.store(true, SeqCst);
        (found, others.join().expect("counted"))
    });
    let expected: Vec<String> = (1..=CLICKS).map(|count| format!("clicks={count}")).collect();
    let wrong = |answers: &Vec<String>| answers.iter().zip(&expected).filter(|(a, b)| a != b).count();
    let wrong: usize = found.iter().map(wrong).sum();
    checks.equal("wrong answers of 100 clicks", &wrong.to_string(), "0");
    checks.is_so("others came meanwhile", others > 0, &others.to_string());
    let homes: BTreeSet<String> = browsers
        .iter()
        .map(|browser| {
            browser.go(&format!("{at}/where"));
            browser.wait("return /^[0-9]+$/.test(document.body?.textContent ?? '')", true);
            browser.run("return document.body.textContent").to_string()
        })
        .collect();
    checks.equal(
        "instances with one visitor at least",
        &homes.len().to_string(),
        "2",
    );
    println!("{} checks hold; {others} requests of others", checks.0);
}
