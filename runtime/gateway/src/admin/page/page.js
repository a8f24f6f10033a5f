// Keeps the page up to date: the gateway sends the part that changes, and this puts the new parts into their places.
// Without it, the page shows what was so when it was requested.
(() => {
    "use strict";
    const live = document.getElementById("live");
    const state = document.getElementById("state");
    if (!live || !state || !window.EventSource) {
        return;
    }

    const tell = (kind, text) => {
        if (state.textContent !== text) {
            state.className = `state ${kind}`;
            state.textContent = text;
        }
    };

    // Equal parts stay as they are, and with them the focus and what is selected.
    const patch = (old, fresh) => {
        const before = [...old.childNodes];
        const after = [...fresh.childNodes];
        const isLike = (one, other) => one.nodeName === other.nodeName;
        if (before.length !== after.length || !before.every((node, at) => isLike(node, after[at]))) {
            old.replaceChildren(...after);
            return;
        }
        before.forEach((node, at) => {
            const other = after[at];
            if (node.isEqualNode(other)) {
                return;
            }
            if (node.nodeType !== Node.ELEMENT_NODE) {
                node.nodeValue = other.nodeValue;
                return;
            }
            for (const { name } of [...node.attributes]) {
                if (!other.hasAttribute(name)) {
                    node.removeAttribute(name);
                }
            }
            for (const { name, value } of other.attributes) {
                if (node.getAttribute(name) !== value) {
                    node.setAttribute(name, value);
                }
            }
            patch(node, other);
        });
    };

    // What has the focus when a part is replaced gets it again, if it is still there.
    const keepingFocus = (change) => {
        const focused = document.activeElement;
        const key = focused && live.contains(focused) && (focused.getAttribute("href") || focused.value);
        change();
        if (key && !live.contains(document.activeElement)) {
            const again = [...live.querySelectorAll("a, button")];
            again.find((one) => (one.getAttribute("href") || one.value) === key)?.focus();
        }
    };

    let source;
    let again;
    const open = () => {
        clearTimeout(again);
        source = new EventSource(location.href);
        source.addEventListener("live", ({ data }) => {
            const template = document.createElement("template");
            template.innerHTML = data;
            keepingFocus(() => patch(live, template.content));
            tell("good", "live");
        });
        source.addEventListener("error", () => {
            tell("warn", "not live, trying again");
            if (source.readyState === EventSource.CLOSED) {
                again = setTimeout(open, 10_000);
            }
        });
    };
    const close = () => {
        clearTimeout(again);
        source?.close();
    };

    // A hidden page takes no place from others.
    document.addEventListener("visibilitychange", () => {
        close();
        if (!document.hidden) {
            open();
        }
    });
    addEventListener("pagehide", close);
    addEventListener("pageshow", ({ persisted }) => persisted && open());
    if (!document.hidden) {
        open();
    }
})();
