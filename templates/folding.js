// Folded parts: a link or an address that leads into one opens it; one button opens all, for reading and for printing.
{
  const open = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let part = target; part; part = part.parentElement) if (part.localName === "details") part.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  if (location.hash) open();
  const button = document.getElementById("unfold"), parts = [...document.querySelectorAll("details:not(.columns)")];
  button.hidden = false;
  button.addEventListener("click", () => {
    const all = button.getAttribute("aria-pressed") !== "true";
    parts.forEach((part) => { part.open = all; });
    button.setAttribute("aria-pressed", all);
  });
}
