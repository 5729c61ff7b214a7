// Folded parts: a link or an address that leads into one opens it; one button opens all, for reading and for printing.
{
  const named = () => {
    try {
      return decodeURIComponent(location.hash.slice(1));
    } catch {
      return ""; // a percent sign that encodes nothing: no part has such a name
    }
  };
  const open = () => {
    const target = document.getElementById(named());
    for (let part = target; part; part = part.parentElement) if (part.localName === "details") part.open = true;
    // A section of which all but the heading is folded.
    const inner = target?.localName === "section" ? target.querySelector(":scope > h2 + details:last-child") : null;
    if (inner) inner.open = true;
    if (target) target.scrollIntoView();
  };
  const button = document.getElementById("unfold"), parts = [...document.querySelectorAll("main details:not(.columns)")];
  // The contents are open where no script runs, and wherever they take a line or two.
  const contents = document.querySelector(".contents"), small = matchMedia("(max-width: 48rem)");
  const fit = () => { contents.open = !small.matches; };
  small.addEventListener("change", fit);
  fit();
  addEventListener("hashchange", open);
  // A link to the address that the page has already changes no hash, but the part may have been closed meanwhile.
  document.addEventListener("click", ({ target }) => {
    if (target.closest?.('a[href^="#"]')?.hash === location.hash) open();
  });
  if (location.hash) open();
  button.hidden = false;
  button.addEventListener("click", () => {
    const all = button.getAttribute("aria-pressed") !== "true";
    parts.forEach((part) => { part.open = all; });
    button.setAttribute("aria-pressed", all);
    for (const box of document.querySelectorAll(".more:not([hidden]) input")) if (box.checked !== all) box.click();
  });
}
