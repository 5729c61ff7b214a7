// Two architectures side by side: figures, blocks, stages and operators; `#compare=A,B` is the address of a pair.
{
  const place = document.getElementById("comparing");
  const cards = new Map([...document.querySelectorAll(".card")].map((card) => [card.dataset.architecture, card]));
  const table = document.querySelector("table[data-name=overview]");
  const heads = [...(table?.tHead.querySelectorAll("th[data-key]") ?? [])].map((head) => {
    const unit = head.querySelector(".unit")?.textContent;
    const title = head.dataset.title ?? head.firstChild.textContent.trim();
    return unit ? `${title}, ${unit}` : title;
  });
  const rows = new Map([...(table?.tBodies[0].rows ?? [])].reverse().map((row) => [row.cells[0].textContent, row]));
  const made = (name, text, attributes = {}) => {
    const part = Object.assign(document.createElement(name), { textContent: text });
    for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value);
    return part;
  };

  // A name as an address has it; a text with a percent sign of its own stays as it is.
  const decoded = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };

  // The names of an address, two or one. One that has commas of its own is found where the rest is a name, too.
  const namesOf = (text) => {
    const parts = text.split(/,|%2C/i).map(decoded);
    const pairs = parts.slice(1).map((_, at) => [parts.slice(0, at + 1).join(","), parts.slice(at + 1).join(",")]);
    const whole = parts.join(",");
    return pairs.find((names) => names.every((name) => cards.has(name))) ?? (cards.has(whole) ? [whole] : parts.slice(0, 2));
  };

  const figures = (names) => {
    const found = names.map((name) => rows.get(name));
    const whole = made("table", "", { class: "costs plain" });
    whole.createCaption().className = "unseen";
    whole.caption.textContent = place.getAttribute("aria-label");
    whole.createTHead().insertRow().append(
      made("td", ""), ...names.map((name) => made("th", name, { scope: "col", class: "number" })));
    const body = whole.createTBody();
    heads.forEach((title, at) => {
      if (at) body.insertRow().append(
        made("th", title, { scope: "row" }), ...found.map((row) => made("td", row?.cells[at].textContent ?? "–", { class: "number" })));
    });
    return whole;
  };
  const copy = (name, side) => {
    const card = cards.get(name).cloneNode(true);
    for (const part of [card, ...card.querySelectorAll("[id]")]) part.removeAttribute("id");
    card.removeAttribute("aria-labelledby");
    card.setAttribute("aria-label", `${name} (${side})`);
    card.querySelectorAll("details.card-costs").forEach((part) => { part.open = true; });
    card.querySelectorAll("[role=region]").forEach((part) => part.setAttribute("aria-label", `${side}: ${part.getAttribute("aria-label")}`));
    return card;
  };

  if (place && cards.size > 1) {
    const selects = [...place.querySelectorAll("select")], pair = place.querySelector(".pair"), output = place.querySelector("output");
    for (const select of selects) {
      select.append(new Option("–", ""), ...[...cards.keys()].map((name) => new Option(name, name)));
      select.addEventListener("change", () => {
        const names = selects.map((each) => each.value);
        if (names.every(Boolean)) location.hash = `compare=${names.map(encodeURIComponent)}`;
      });
    }
    const show = () => {
      const asked = location.hash.match(/^#compare=(.*)$/)?.[1];
      if (asked === undefined) return;
      const names = namesOf(asked).filter(Boolean);
      const unknown = names.find((name) => !cards.has(name));
      output.textContent = unknown === undefined ? "" : place.dataset.unknown.replace("{name}", unknown);
      pair.replaceChildren();
      if (unknown === undefined) selects.forEach((select, at) => { select.value = names[at] ?? ""; });
      if (unknown === undefined && names.length > 1) {
        const scrolled = made("div", "", { class: "wide figures", tabindex: 0, role: "region", "aria-label": names.join(", ") });
        scrolled.append(figures(names));
        pair.append(scrolled, ...names.map((name, at) => copy(name, at + 1)));
      }
      place.scrollIntoView();
    };
    place.hidden = false;
    addEventListener("hashchange", show);
    show();
  }
}
