//! Where they come to: `hydra serve`, and a web server whose fragments the test lets go.

use hydra_tests::{Browser, PATIENCE, wait_for};

use crate::owner::{Owner, serve};

/// No script may stand in the page itself: only files of the site.
const PAGE: &str = r#"<!doctype html>
<html><head><title>Page</title><meta http-equiv="Content-Security-Policy" content="script-src 'self'">
<script src="/once.js" defer></script></head>
<body>
<img name="currentScript" alt="">
<p id="written"><template id="hydra-0" data-hydra-src="/other.html"></template>written<!--/hydra-0--><template
data-hydra-for="hydra-0">&lt;b>gadget&lt;/b></template></p>
<p id="inline"><m:fragment service="plain" ref="inline">no inline</m:fragment></p>
<table><tbody id="rows"><tr><td>first</td></tr>
<m:fragment service="plain" ref="row" mode="deferred" timeout="60s"><tr><td>wait</td></tr></m:fragment>
<tr><td>last</td></tr></tbody></table>
<p id="quick"><m:fragment service="plain" ref="quick" mode="deferred">no quick</m:fragment></p>
<p id="broken"><m:fragment service="plain" ref="broken" mode="deferred">no broken</m:fragment></p>
<p id="away"><m:fragment service="away" ref="news" mode="deferred">no news</m:fragment></p>
<table id="bare"><m:fragment service="plain" ref="cell" mode="deferred"><tr><td>no cell</td></tr></m:fragment></table>
<p id="near"><m:fragment service="plain" ref="near" mode="lazy">no near</m:fragment></p>
<div style="height: 5000px"></div>
<p id="far"><m:fragment service="plain" ref="far" mode="lazy" imports="title">no far</m:fragment></p>
<p id="gone"><m:fragment service="plain" ref="gone" mode="lazy"><i>no gone</i></m:fragment></p>
</body></html>
"#;

/// The text of an element.
fn text(id: &str) -> String {
    format!("return document.getElementById('{id}')?.textContent")
}

#[test]
fn fragments_that_come_later_come_into_their_places() {
    const ROWS: &str =
        "return [...document.querySelectorAll('#rows > *')].map((row) => row.textContent).join(' ')";
    let (owner, port) = Owner::listen();
    let files = [
        ("index.html", PAGE),
        ("index.toml", "title = 'Tea'\n"),
        ("other.html", "<b>gadget</b>"),
        ("once.js", ""),
    ];
    let refs = ["cell", "inline", "row", "quick", "broken", "near", "far", "gone"];
    let (_folder, hydra) = serve(port, &files, &refs);
    let browser = Browser::open();
    browser.go(&format!("{}/", hydra.address));

    // While a deferred one is open, all else is there.
    browser.wait(&text("inline"), "inline");
    browser.wait(&text("quick"), "quick");
    browser.wait(ROWS, "first wait last");
    browser.wait(&text("near"), "near");
    browser.wait(&text("bare"), "cell");
    browser.wait("return document.readyState", "loading");
    let once = "return document.querySelectorAll('script[src=\"/once.js\"]').length";
    assert_eq!(browser.run(once), 2, "what stands in a fragment is left alone");

    owner.let_go();
    browser.wait(ROWS, "first row last");
    browser.wait("return document.readyState", "complete");
    let marks = "const walker = document.createTreeWalker(document.getElementById('rows'), \
         NodeFilter.SHOW_COMMENT | NodeFilter.SHOW_PROCESSING_INSTRUCTION); return Number(walker.nextNode() !== null) + \
         document.querySelectorAll('#rows template, #quick template, body > [data-hydra-for], [for]').length";
    assert_eq!(browser.run(marks), 0, "nothing of the marks is left");
    browser.wait(&text("written"), "written");
    browser.wait(&text("broken"), "no broken");
    browser.wait(&text("away"), "no news");

    // A frame later, an observer would have seen what is near.
    let frame =
        "requestAnimationFrame(() => requestAnimationFrame(() => document.body.dataset.frames = 'two'))";
    assert_eq!(browser.run(frame), serde_json::Value::Null);
    browser.wait("return document.body.dataset.frames", "two");
    let far = "/far?title=Tea";
    assert_eq!(
        (owner.asked("/near"), owner.asked(far), owner.asked("/gone")),
        (1, 0, 0)
    );
    browser.wait(&text("far"), "no far");

    let scroll = "window.scrollTo(0, document.body.scrollHeight)";
    assert_eq!(browser.run(scroll), serde_json::Value::Null);
    browser.wait(&text("far"), &far[1..]);
    wait_for("the broken one is asked for", PATIENCE, || {
        (owner.asked("/gone") == 1).then_some(())
    });
    browser.wait(&text("gone"), "no gone");
    // HTML of a fragment that looks like what the page itself writes is none of it.
    assert_eq!(browser.run(&text("written")), "written");
    assert_eq!(owner.asked(far), 1);
}

/// The browser itself takes a place to end with the paragraph in which it begins, and leaves the rest of such a fallback: the
/// guide says so.
#[test]
fn a_fallback_that_closes_its_paragraph_goes_where_the_script_puts_the_fragment() {
    const SPLIT: &str = "<!doctype html><title>Page</title><section id=\"split\"><p>\
        <m:fragment service=\"plain\" ref=\"block\" mode=\"deferred\"><div>no block</div></m:fragment></p></section>";
    let (_owner, port) = Owner::listen();
    let (_folder, hydra) = serve(port, &[("index.html", SPLIT)], &["block"]);
    let browser = Browser::of_yesterday();
    browser.go(&format!("{}/", hydra.address));
    browser.wait(&text("split"), "block");
}
