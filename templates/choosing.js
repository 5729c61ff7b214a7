// Choosing: limits leave the networks that fit, in the order in which they stand. The rule is that of `reporter choose`
// (reporter/report/choosing/limits.py); here the bounds of each value, which the cells carry, are compared with the limits.
// A number without a unit is in these, as in `reporter choose`.
const BASE = { time: " s", size: " B", rate: "/s", count: "", share: "" };
for (const place of document.querySelectorAll("div.choice")) {
  const form = place.querySelector("form"), said = form.querySelector("[data-said]");
  const table = place.querySelector("table");
  const heads = [...table.tHead.querySelectorAll("th[data-key]")];
  const sliders = [...form.querySelectorAll("input[type=range]")].map((input) => {
    const column = heads.findIndex((head) => head.dataset.key === input.dataset.key);
    const typed = input.parentNode.querySelector("[data-kind]"), floor = "floor" in input.dataset;
    return { input, column, typed, floor, output: form.querySelector(`output[for="${input.id}"]`), stops: JSON.parse(input.dataset.stops) };
  });
  const rows = table.allRows ?? [...table.tBodies[0].rows];
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const modeColumn = heads.findIndex((head) => head.dataset.key === "mode");
  const modeOf = (row) => (modeColumn < 0 ? "" : row.cells[modeColumn].textContent);
  const named = (row) => row.cells[0].textContent + (["", "eager"].includes(modeOf(row)) ? "" : ` (${modeOf(row)})`);
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value ?? (cell.dataset.status ? "" : cell.textContent);
  };
  const units = JSON.parse(form.dataset.units), license = form.querySelector("[data-license]");
  const licenseColumn = heads.findIndex((head) => head.dataset.key === "license");
  const choose = () => {
    const limits = [];
    for (const { input, column, typed, floor, output, stops } of sliders) {
      let [limit, words] = stops[input.value];
      const own = amount(typed.value, typed.dataset.kind, units, form.dataset.decimal);
      typed.setAttribute("aria-invalid", Number.isNaN(own));
      const text = typed.value.trim(), unit = /\D$/.test(text) ? "" : BASE[typed.dataset.kind];
      if (own) [limit, words] = [own, `${floor ? "≥" : "≤"} ${text}${unit}`];
      output.value = words;
      input.setAttribute("aria-valuetext", words);
      if (limit !== null) limits.push([column, limit, floor]);
    }
    const modes = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let fit = 0, all = 0;
    const apart = { undecided: [], unknown: [] };
    for (const row of rows) {
      if (boxes.length && !modes.has(modeOf(row))) {
        row.classList.add("out");
        continue;
      }
      all += 1;
      const bound = (column, end) => Number(row.cells[column].dataset[end] ?? value(row, column));
      const known = limits.filter(([column]) => value(row, column) !== "");
      const wanted = license?.value, found = licenseColumn < 0 ? "" : row.cells[licenseColumn].textContent;
      const misses = ([column, limit, floor]) => floor ? bound(column, "high") < limit : bound(column, "low") > limit;
      const spans = ([column, limit, floor]) => {
        const low = bound(column, "low"), high = bound(column, "high");
        return floor ? low < limit && limit <= high : low <= limit && limit < high;
      };
      const above = known.some(misses) || (wanted && found !== wanted && found !== "–");
      const lacks = limits.filter(([column]) => value(row, column) === "");
      if (wanted && found === "–") lacks.push([licenseColumn]);
      const unsure = known.filter(spans);
      row.classList.toggle("out", above || lacks.length > 0 || unsure.length > 0);
      if (!above && !lacks.length && !unsure.length) fit += 1;
      if (!above && (lacks.length || unsure.length)) {
        const item = document.createElement("li");
        const why = (lacks.length ? lacks : unsure).map(([column]) => {
          const cell = row.cells[column];
          return `${heads[column].textContent}: ${lacks.length ? cell.told ?? (cell.title || cell.textContent) : cell.textContent}`;
        });
        item.append(`${named(row)} (${why.join("; ")})`);
        apart[lacks.length ? "unknown" : "undecided"].push(item);
      }
    }
    for (const [name, items] of Object.entries(apart)) {
      const list = place.querySelector(`.${name}`);
      list.hidden = !items.length;
      list.querySelector("ul").replaceChildren(...items);
    }
    table.dispatchEvent(new Event("chosen"));
    said.textContent = said.dataset.said.replace("{count}", fit).replace("{all}", all);
  };
  form.addEventListener("input", ({ target }) => {
    const typed = target.type === "range" && target.parentNode.querySelector("[data-kind]");
    if (typed) typed.value = "";
    choose();
  });
  form.addEventListener("reset", () => setTimeout(choose));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  choose();
}
