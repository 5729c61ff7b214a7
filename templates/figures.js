// Charts: what a mark says on hover, tap and by the arrow keys; a family or a network singled out in charts and tables.
{
  const marks = [...document.querySelectorAll("figure svg [data-network]")];
  // Of a long table also the rows that are not laid out now: see tables.js.
  const rows = [...document.querySelectorAll("table")].flatMap(
    (table) => table.allRows ?? [...table.querySelectorAll("tr")]).filter((row) => "family" in row.dataset);
  const families = new Set(marks.map((mark) => mark.dataset.family));
  // A table may show a display name: then the value of the cell is the name that charts and other tables have.
  const named = (cell) => cell.dataset.value ?? cell.textContent;
  const networkOf = (part) => part.dataset.network ?? (part.cells && named(part.cells[0]));
  const tip = document.createElement("p");
  tip.className = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  document.querySelector("main").append(tip);

  // A title is taken over when it is first needed, so that the browser shows no second one.
  const told = (part) => {
    const title = part.localName === "td" || part.localName === "th" ? part.title : part.querySelector(":scope > title");
    if (title) {
      part.told = title.textContent ?? title;
      if (title.remove) title.remove();
      else part.removeAttribute("title");
    }
    return part.told;
  };
  const say = (part, text) => {
    tip.textContent = text;
    tip.hidden = false;
    const mark = part.getBoundingClientRect(), own = tip.getBoundingClientRect(), edge = document.documentElement;
    const left = Math.min(Math.max(mark.left + mark.width / 2 - own.width / 2, 8), edge.clientWidth - own.width - 8);
    const above = mark.top - own.height - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 8 ? above : Math.min(mark.bottom + 8, innerHeight - own.height - 8)}px`;
  };

  let parts;
  const partsOf = (network) => {
    if (!parts) {
      parts = new Map();
      for (const part of [...marks, ...rows]) {
        const name = networkOf(part);
        if (!parts.has(name)) parts.set(name, []);
        parts.get(name).push(part);
      }
    }
    return parts.get(network) ?? [];
  };
  let near = [];
  const approach = (network) => {
    near.forEach((part) => part.classList.remove("near"));
    near = network ? partsOf(network) : [];
    near.forEach((part) => part.classList.add("near"));
  };
  const leave = () => {
    tip.hidden = true;
    approach();
  };

  let single = "";
  const singleOut = (kind, name) => {
    single = single === kind + name ? "" : kind + name;
    const other = (part) => single && (kind === "family" ? part.dataset.family : networkOf(part)) !== name;
    marks.forEach((mark) => mark.classList.toggle("off", !!other(mark)));
    rows.forEach((row) => row.classList.toggle("lit", !!single && !other(row)));
  };
  const release = () => {
    if (single) singleOut("", single);
    leave();
  };

  const partAt = (target) => target.closest?.("figure svg :is(path, line, rect, text), td, tbody th, thead th");
  document.addEventListener("pointerover", ({ target }) => {
    const part = partAt(target);
    if (!part) return leave();
    const network = part.dataset.network ?? (part.closest("tr[data-family]") && networkOf(part.closest("tr")));
    approach(network);
    const svg = part.closest("svg");
    const text = told(part) ?? (svg && network && partsOf(network).filter((same) => svg.contains(same)).map(told).find(Boolean));
    if (text) say(part, text);
    else tip.hidden = true;
  });
  document.addEventListener("click", ({ target }) => {
    const part = partAt(target);
    if (!part || target.closest("a, button")) return;
    const { family, legend } = part.dataset;
    if (family ?? families.has(legend)) singleOut("family", family ?? legend);
    else if (part.matches("tr[data-family] > th")) singleOut("network", named(part));
  });
  document.addEventListener("keydown", ({ key }) => key === "Escape" && release());

  // Several marks may say the same: the sheets of an ensemble, an interval and its dot.
  const walk = (place) => {
    const points = [...place.querySelectorAll("svg *")].filter((part) => part.localName !== "title" && told(part));
    return points.filter((point, rank) => point.told !== points[rank - 1]?.told);
  };
  for (const place of document.querySelectorAll("figure .wide")) {
    if (!place.querySelector("title")) continue;
    place.setAttribute("aria-describedby", "keys");
    let points, at = -1;
    place.addEventListener("keydown", (event) => {
      const { key } = event;
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[key];
      if (key === "Enter" && points?.[at]?.dataset.family) singleOut("family", points[at].dataset.family);
      if (!step) return;
      event.preventDefault();
      points ??= walk(place);
      at = (at + step + points.length) % points.length;
      const point = points[at];
      point.scrollIntoView({ block: "nearest", inline: "nearest" });
      approach(point.dataset.network);
      if (!near.length) (near = [point])[0].classList.add("near");
      say(point, told(point));
    });
    place.addEventListener("blur", leave);
  }
  document.getElementById("keys").hidden = !marks.length;
}
