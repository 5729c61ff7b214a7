// Tables: sort, filter by text and family, hide columns, take along as CSV. Without this they are plain tables.
{
  const tools = document.getElementById("tools").content.firstElementChild;
  const MOST = 250;
  const order = new Intl.Collator(document.documentElement.lang, { numeric: true });
  const raw = (cell) => cell.dataset.value ?? (cell.dataset.status ? "" : cell.textContent);
  const number = (text) => text !== "" && Number.isFinite(Number(text));
  // The rule of reporter/report/output/csv_tables.py: no text may become a formula, and a cell with a comma is quoted.
  const guarded = (text, numeric) => (!(numeric && number(text)) && /^\s*[=+\-@＝＋－＠]/.test(text) ? `'${text}` : text);
  const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

  for (const table of document.querySelectorAll(".table > table")) {
    const heads = [...table.tHead.querySelectorAll("th[data-key]")];
    const groups = [...(table.tHead.querySelector(".groups")?.cells ?? [])].map((cell) => [cell, cell.colSpan]);
    const body = table.tBodies[0], original = [...body.rows];
    const more = document.createElement("button");
    let rows = original, most = MOST;

    // Of a crowd only so many rows are laid out, those that the filter leaves: thousands would take seconds.
    const show = () => {
      if (original.length <= MOST) return body.append(...rows);
      const left = rows.filter((row) => !row.hidden && !row.classList.contains("out"));
      body.replaceChildren(...left.slice(0, most));
      more.hidden = left.length <= most;
      more.textContent = `… +${left.length - most}`;
    };
    const arrange = (next) => {
      rows = next;
      show();
    };
    if (original.length > MOST) {
      more.type = "button";
      more.addEventListener("click", () => {
        most = Infinity;
        show();
      });
      table.parentNode.after(more);
      table.allRows = original; // for figures.js, which highlights them, and choosing.js, which says what it has left
      table.addEventListener("chosen", show);
      show();
    }
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const now = { ascending: "descending", descending: "" }[head.getAttribute("aria-sort")] ?? "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (!now) return arrange(original);
        head.setAttribute("aria-sort", now);
        const down = now === "descending" ? -1 : 1;
        const keys = original.map((row) => {
          const text = row.cells[column].dataset.order ?? raw(row.cells[column]);
          return [text === "" ? 2 : number(text) ? 0 : 1, number(text) ? Number(text) : text, row];
        });
        keys.sort(([kind, a], [other, b]) => kind - other || down * (kind === 0 ? a - b : order.compare(a, b)));
        arrange(keys.map(([, , row]) => row));
      });
    });
    if (original.length < 4 || table.closest("#choosing")) continue;

    const bar = tools.cloneNode(true), said = bar.querySelector("output"), field = bar.querySelector("input");
    const choice = bar.querySelector("select"), families = new Set(original.map((row) => row.dataset.family));
    if (families.size > 1) {
      for (const family of [...families].sort(order.compare)) choice.append(new Option(family, family));
    } else choice.parentNode.remove();
    const texts = [];
    const filter = () => {
      const wanted = field.value.trim().toLowerCase();
      let shown = 0;
      original.forEach((row, index) => {
        const text = wanted && (texts[index] ??= row.textContent.toLowerCase());
        const out = (wanted && !text.includes(wanted)) || (choice.value && row.dataset.family !== choice.value);
        if (row.hidden !== !!out) row.hidden = !!out;
        shown += !out;
      });
      if (original.length > MOST) show();
      said.value = said.dataset.said.replace("{shown}", shown).replace("{all}", original.length);
    };
    field.addEventListener("input", filter);
    choice.addEventListener("change", filter);

    // One rule of style per table hides columns: no cell is touched. A box is ticked if its column is shown.
    const style = document.head.appendChild(document.createElement("style"));
    const extra = heads.map((head) => "extra" in head.dataset), unticked = new Set();
    const boxes = heads.map((head, column) => {
      const label = document.createElement("label"), box = document.createElement("input");
      box.type = "checkbox";
      box.checked = !extra[column];
      box.disabled = head.cellIndex === 0;
      label.append(box, ` ${head.dataset.title ?? head.textContent}`);
      bar.querySelector("fieldset").append(label);
      return box;
    });
    // As loaded, a table with columns on request shows the others; files have all, and so has what is downloaded, but
    // for columns that were unticked one by one.
    const whole = bar.querySelector(".more input");
    const dense = table.parentNode.classList.contains("dense");
    const arrangeColumns = () => {
      const seen = boxes.map((box) => box.checked);
      const out = seen.flatMap((shown, column) => (shown ? [] : [`> :nth-child(${column + 1})`]));
      const place = `#${CSS.escape(table.closest(".block").id)} tr:not(.groups)`;
      style.textContent = out.length ? `${out.map((cell) => `${place} ${cell}`).join()} { display: none }` : "";
      let start = 0;
      for (const [cell, span] of groups) {
        const left = seen.slice(start, (start += span)).filter(Boolean).length;
        cell.hidden = left === 0;
        cell.colSpan = Math.max(left, 1);
      }
      if (dense) table.parentNode.classList.toggle("dense", !out.length);
    };
    bar.querySelector("fieldset").addEventListener("change", ({ target }) => {
      unticked[target.checked ? "delete" : "add"](boxes.indexOf(target));
      whole.checked = boxes.every((box) => box.checked);
      arrangeColumns();
    });
    whole.addEventListener("change", () => {
      boxes.forEach((box, column) => {
        if (!whole.checked && !extra[column]) return;
        box.checked = whole.checked;
        unticked.delete(column);
      });
      arrangeColumns();
    });
    if (extra.includes(true)) {
      whole.parentNode.hidden = false;
      arrangeColumns();
    } else whole.checked = true;

    // In base units: the rows that are shown, in their order, and the columns that were not unticked, with the ends of
    // intervals and the status of each cell. Ends that a cell lacks are its value; a value without an interval has "".
    const csv = () => {
      const columns = heads.map((_, column) => column).filter((column) => !unticked.has(column));
      const status = (cell) => cell.dataset.status ?? "ok";
      const doubted = columns.map((column) =>
        original.some((row) => !["ok", "missing"].includes(status(row.cells[column]))));
      const all = (column, rank, value, end, last, numeric = false) => {
        const ends = "ends" in heads[column].dataset ? ["low", "high"].map(end) : [];
        return [value, ...ends, ...(doubted[rank] ? [last] : [])].map((text) => quoted(guarded(text, numeric)));
      };
      const lines = [columns.flatMap((column, rank) => {
        const { heading, key } = heads[column].dataset;
        return all(column, rank, heading, (end) => heading.replace(key, `${key}_${end}`), `${key}_status`);
      })];
      for (const row of rows) {
        if (row.hidden) continue;
        lines.push(columns.flatMap((column, rank) => {
          const cell = row.cells[column];
          const numeric = heads[column].classList.contains("number");
          return all(column, rank, raw(cell), (end) => cell.dataset[end] ?? raw(cell), status(cell), numeric);
        }));
      }
      return lines.map((cells) => cells.join()).join("\n") + "\n";
    };
    const actions = {
      copy: async (button) => {
        await navigator.clipboard.writeText(csv());
        const words = button.textContent;
        button.textContent = button.dataset.done;
        setTimeout(() => { button.textContent = words; }, 1500);
      },
      save: () => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(new Blob(["\ufeff", csv()], { type: "text/csv" }));
        link.download = `${table.dataset.name}.csv`;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 10000);
      },
    };
    if (!navigator.clipboard) bar.querySelector("[data-do=copy]").remove();
    bar.addEventListener("click", ({ target }) => actions[target.dataset?.do]?.(target));
    table.parentNode.before(bar);
    filter();
  }
}
