// Choosing: limits leave the networks that fit, in the order in which they stand. The rule is that of `reporter choose`
// (reporter/telling/limits.py); here the bounds of each value, which the cells carry, are compared with the limits.
for (const place of document.querySelectorAll(".choice")) {
  const form = place.querySelector("form"), said = form.querySelector("[data-said]");
  const table = place.querySelector("table");
  const heads = [...table.tHead.querySelectorAll("th[data-key]")];
  const sliders = [...form.querySelectorAll("input[type=range]")].map((input) => {
    const column = heads.findIndex((head) => head.dataset.key === input.dataset.key);
    return { input, column, output: form.querySelector(`output[for="${input.id}"]`), stops: JSON.parse(input.dataset.stops) };
  });
  const rows = [...table.tBodies[0].rows];
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const modeColumn = heads.findIndex((head) => head.dataset.key === "mode");
  const modeOf = (row) => (modeColumn < 0 ? "" : row.cells[modeColumn].textContent);
  const named = (row) => row.cells[0].textContent + (["", "eager"].includes(modeOf(row)) ? "" : ` (${modeOf(row)})`);
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value ?? (cell.dataset.status ? "" : cell.textContent);
  };
  const choose = () => {
    const limits = [];
    for (const { input, column, output, stops } of sliders) {
      const [limit, words] = stops[input.value];
      output.value = words;
      input.setAttribute("aria-valuetext", words);
      if (limit !== null) limits.push([column, limit]);
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
      const above = known.some(([column, limit]) => bound(column, "low") > limit);
      const lacks = limits.filter(([column]) => value(row, column) === "");
      const unsure = known.filter(([column, limit]) => bound(column, "low") <= limit && limit < bound(column, "high"));
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
    said.textContent = said.dataset.said.replace("{count}", fit).replace("{all}", all);
  };
  form.addEventListener("input", choose);
  form.addEventListener("reset", () => setTimeout(choose));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  choose();
}
