// The page below the dialogues of this folder. ?without leaves the dialogue out: how the page should look.
document.head.insertAdjacentHTML("beforeend", `<style>
  body { margin: 0; background: #fff; font: 16px/1.5 sans-serif; color: #222 }
  header { background: #06c; color: #fff; padding: 20px 40px; font-size: 24px }
  section { padding: 20px 40px; max-width: 600px }
  section div { height: 90px; margin: 12px 0; background: #093 }
  button { font: inherit }
  .bar { position: fixed; left: 0; right: 0; bottom: 0; background: #222; color: #fff; padding: 20px; z-index: 99 }
  .box { position: fixed; left: 25%; right: 25%; top: 20%; background: #fff; border: 3px solid #c00; padding: 20px; z-index: 99 }
  .veil { position: fixed; inset: 0; background: rgba(0, 0, 0, .6); z-index: 98 }
</style>`);
document.body.insertAdjacentHTML("beforeend", `<header>The Daily Page</header><section><p>Something to read.</p><div></div>
  <p>Something more to read.</p><div></div><p>The rest of it.</p><div></div><div></div><div></div><p>The end.</p></section>`);

const others = (host) => `http://${host}:${new URLSearchParams(location.search).get("other") ?? location.port}`;
const TEXT = "We and our partners use cookies on this website to improve your experience.";

// Put a dialogue onto the page a little after it has loaded, as managers do.
function present(show, html = "") {
  if (location.search.includes("without")) return;
  addEventListener("load", () => setTimeout(() => {
    if (html) document.body.insertAdjacentHTML("beforeend", html);
    show();
  }, 30));
}

// Writes the answer into the title, then removes the dialog unless the page keeps it.
function answer(word, ...gone) {
  document.title = word;
  for (const selector of gone) document.querySelectorAll(selector).forEach((element) => element.remove());
}
