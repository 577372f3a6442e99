/*
 * A grid over the textarea in [data-grid], which is all there is without this and on narrow screens: cells
 * between tabs, as spreadsheets copy them, with the keys of a spreadsheet. The textarea stays what is sent;
 * the server answers with the problems of each cell, by the rules of the import.
 */
{
  const MAX_SHOWN = 500;
  const FIRST_ROWS = 12;
  const one = (query, root = document) => root.querySelector(query);

  /* Cells between separators; one that begins with a quotation mark may have several lines. */
  const split = (text, separator) => {
    const rows = [[]];
    let at = 0;
    while (at <= text.length) {
      let cell = "";
      if (text[at] === '"') {
        let end = at + 1;
        for (; end < text.length; end += 1) {
          if (text[end] !== '"') cell += text[end];
          else if (text[end + 1] === '"') cell += text[(end += 1)];
          else break;
        }
        at = end + 1;
      }
      const start = at;
      while (at < text.length && text[at] !== separator && text[at] !== "\n") at += 1;
      rows.at(-1).push(cell + text.slice(start, at));
      if (text[at] === "\n") rows.push([]);
      at += 1;
    }
    return rows;
  };

  const read = (copied) => {
    const text = copied.replace(/\r\n?/g, "\n").replace(/\n+$/, "");
    if (text.includes("\t")) return split(text, "\t");
    // Copied out of a text file: each line has as many cells.
    for (const separator of [";", ","]) {
      const rows = split(text, separator);
      const [{ length }] = rows;
      if (rows.length > 1 && length > 2 && rows.every((row) => row.length === length)) return rows;
    }
    return split(text, "\t");
  };

  const quote = (cell) => (/[\t\n]|^"/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const filled = (rows) => rows.slice(0, rows.findLastIndex((row) => row.some(Boolean)) + 1);
  const write = (rows) =>
    filled(rows)
      .map((row) => row.map(quote).join("\t"))
      .join("\n");

  const enhance = (field) => {
    const area = one("textarea", field);
    const place = one("[data-grid-place]", field);
    const form = area.form;
    const [head] = one("thead", place).rows;
    const body = one("tbody", place);
    const state = one("[data-grid-state]", place);
    const problem = one("[data-grid-problem]", place);
    const next = one("[data-grid-next]", place);
    const past = [];
    let rows = area.value ? read(area.value) : [];
    let width = 0;
    let at = { row: 0, column: 0 };
    let editor = null;
    let found = { problems: [] };
    let timer;
    let request;

    const cellAt = ({ row, column }) => body.rows[row]?.cells[column + 1];

    /* A cell with line breaks takes several lines of the text. */
    const linesOf = (row) => 1 + (row ?? []).reduce((sum, cell) => sum + cell.split("\n").length - 1, 0);

    const number = () => {
      let line = 1;
      [...body.rows].forEach((tr, row) => {
        tr.cells[0].textContent = line;
        tr.dataset.line = line;
        line += linesOf(rows[row]);
      });
    };

    const addColumn = (field_name) => {
      const th = one("template", field).content.firstElementChild.cloneNode(true);
      const select = one("select", th);
      const letter = String.fromCharCode(65 + (width % 26));
      select.ariaLabel = field.dataset.column.replace("{n}", width < 26 ? letter : letter + letter);
      const option = [...select.options].find(({ value }) => value === field_name) ?? select.options[0];
      option.defaultSelected = option.selected = true;
      head.append(th);
      width += 1;
    };

    const makeRow = () => {
      const tr = document.createElement("tr");
      const th = document.createElement("th");
      th.scope = "row";
      tr.append(th);
      return tr;
    };

    const show = () => {
      const wanted = Math.max(width, ...rows.map((row) => row.length));
      while (width < wanted && width < 64) addColumn("");
      const height = Math.min(MAX_SHOWN, Math.max(FIRST_ROWS, rows.length + 1));
      while (body.rows.length > height) body.lastElementChild.remove();
      while (body.rows.length < height) body.append(makeRow());
      [...body.rows].forEach((tr, row) => {
        while (tr.cells.length <= width) {
          const td = document.createElement("td");
          td.role = "gridcell";
          td.tabIndex = -1;
          tr.append(td);
        }
        for (let column = 0; column < width; column += 1) {
          const text = rows[row]?.[column] ?? "";
          const td = tr.cells[column + 1];
          if (td.textContent !== text) td.textContent = text;
        }
      });
      number();
      mark();
    };

    const mark = () => {
      for (const td of body.querySelectorAll("[data-tone]")) {
        td.removeAttribute("data-tone");
        td.removeAttribute("aria-invalid");
      }
      const byLine = new Map([...body.rows].map((tr) => [Number(tr.dataset.line), tr]));
      for (const [line, column, tone] of found.problems) {
        const cell = byLine.get(line)?.cells[column + 1];
        if (!cell || cell.dataset.tone === "bad") continue;
        cell.dataset.tone = tone;
        if (tone === "bad" && column >= 0) cell.setAttribute("aria-invalid", "true");
      }
      const header = byLine.get(found.header);
      for (const tr of body.rows) tr.toggleAttribute("data-header", tr === header);
      explain();
    };

    const explain = () => {
      const line = Number(body.rows[at.row]?.dataset.line);
      const ofLine = found.problems.filter(([number]) => number === line);
      const here = ofLine.filter(([, column]) => column === at.column || column < 0);
      problem.textContent = [...new Set(here.map(([, , , text]) => text))].join(" ");
    };

    const go = (row, column) => {
      const before = cellAt(at);
      at = {
        row: Math.max(0, Math.min(body.rows.length - 1, row)),
        column: Math.max(0, Math.min(width - 1, column)),
      };
      const cell = cellAt(at);
      if (before) {
        before.tabIndex = -1;
        before.removeAttribute("aria-describedby");
      }
      cell.tabIndex = 0;
      cell.setAttribute("aria-describedby", "grid-problem");
      explain();
      cell.focus();
      cell.scrollIntoView({ block: "nearest", inline: "nearest" });
    };

    const keep = () => {
      past.push(rows.map((row) => [...row]));
      if (past.length > 50) past.shift();
    };

    const put = (row, column, text) => {
      while (rows.length <= row) rows.push([]);
      while (rows[row].length <= column) rows[row].push("");
      rows[row][column] = text;
    };

    const changed = () => {
      area.value = write(rows);
      const hidden = filled(rows).length - MAX_SHOWN;
      state.textContent = hidden > 0 ? field.dataset.more.replace("{n}", hidden) : "";
      show();
      clearTimeout(timer);
      timer = setTimeout(check, 400);
    };

    const check = async () => {
      request?.abort();
      if (!area.value.trim()) {
        found = { problems: [] };
        state.textContent = "";
        next.hidden = true;
        return show();
      }
      request = new AbortController();
      try {
        const sent = { method: "POST", body: new FormData(form), signal: request.signal };
        const answer = await fetch(field.dataset.grid, sent);
        if (!answer.ok) return;
        found = await answer.json();
      } catch {
        // A newer check has taken its place, or the network is away: the next step checks all the same.
        return;
      }
      state.textContent = found.text;
      state.dataset.tone = found.tone;
      next.hidden = !found.problems.length;
      document.dispatchEvent(new CustomEvent("say", { detail: found.text }));
      mark();
    };

    const edit = (text) => {
      const cell = cellAt(at);
      editor = document.createElement("textarea");
      editor.rows = 1;
      editor.value = text;
      editor.ariaLabel = `${field.dataset.line.replace("{n}", body.rows[at.row].dataset.line)}, ${
        one("select", head.cells[at.column + 1]).selectedOptions[0].label
      }`;
      cell.replaceChildren(editor);
      editor.addEventListener("blur", () => editor && commit());
      editor.focus();
    };

    const commit = () => {
      const { value } = editor;
      editor = null;
      const before = rows[at.row]?.[at.column] ?? "";
      cellAt(at).textContent = value;
      if (value === before) return;
      keep();
      put(at.row, at.column, value);
      changed();
    };

    const cancel = () => {
      editor = null;
      cellAt(at).textContent = rows[at.row]?.[at.column] ?? "";
      go(at.row, at.column);
    };

    const paste = (text) => {
      keep();
      const isFirst = !write(rows);
      // What is pasted may have a header of its own.
      if (isFirst) for (const select of head.querySelectorAll("select")) select.value = "";
      read(text).forEach((cells, row) =>
        cells.forEach((cell, column) => put(at.row + row, at.column + column, cell)),
      );
      changed();
      go(at.row, at.column);
    };

    const leave = () => one("[data-grid-send]", form).focus();

    const moves = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      PageUp: [-10, 0],
      PageDown: [10, 0],
    };

    const keys = {
      F2: () => edit(rows[at.row]?.[at.column] ?? ""),
      Escape: leave,
      Home: () => go(at.row, 0),
      End: () => go(at.row, width - 1),
      Delete: () => {
        if (!rows[at.row]?.[at.column]) return;
        keep();
        put(at.row, at.column, "");
        changed();
      },
    };
    keys.Backspace = keys.Delete;

    const undo = () => {
      if (!past.length) return;
      rows = past.pop();
      changed();
      go(at.row, at.column);
    };

    /* Tab goes through the cells, and leaves the grid at its ends. */
    const tab = (event) => {
      const by = event.shiftKey ? -1 : 1;
      const to = at.row * width + at.column + by;
      if (to < 0 || to >= body.rows.length * width) return;
      event.preventDefault();
      go(Math.floor(to / width), to % width);
    };

    const keyInEditor = (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") {
        event.preventDefault();
        event.stopPropagation();
        cancel();
      } else if (event.key === "Enter" && event.altKey) {
        event.preventDefault();
        editor.setRangeText("\n", editor.selectionStart, editor.selectionEnd, "end");
      } else if (event.key === "Enter") {
        event.preventDefault();
        commit();
        go(at.row + (event.shiftKey ? -1 : 1), at.column);
      } else if (event.key === "Tab") {
        commit();
        tab(event);
      }
    };

    body.addEventListener("keydown", (event) => {
      if (editor) return keyInEditor(event);
      const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
      const move = moves[event.key];
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
        event.preventDefault();
        undo();
      } else if (move && isPlain) {
        event.preventDefault();
        go(at.row + move[0], at.column + move[1]);
      } else if (event.key === "Enter" && isPlain) {
        event.preventDefault();
        go(at.row + (event.shiftKey ? -1 : 1), at.column);
      } else if (event.key === "Tab" && isPlain) {
        tab(event);
      } else if (keys[event.key] && isPlain) {
        event.preventDefault();
        keys[event.key]();
      } else if (isPlain && (event.key.length === 1 || event.key === "Process")) {
        // The key that was pressed goes into the editor.
        event.stopPropagation();
        edit("");
      }
    });

    body.addEventListener("mousedown", (event) => {
      const cell = event.target.closest("td");
      if (!cell || cell.contains(editor)) return;
      event.preventDefault();
      editor?.blur();
      go(cell.parentElement.sectionRowIndex, cell.cellIndex - 1);
    });
    body.addEventListener("dblclick", (event) => {
      if (event.target.closest("td") && !editor) keys.F2();
    });
    body.addEventListener("paste", (event) => {
      if (editor) return;
      event.preventDefault();
      paste(event.clipboardData.getData("text/plain"));
    });
    body.addEventListener("copy", (event) => {
      if (editor) return;
      event.preventDefault();
      event.clipboardData.setData("text/plain", rows[at.row]?.[at.column] ?? "");
    });
    head.addEventListener("change", check);

    next.addEventListener("click", () => {
      const marked = [...body.querySelectorAll("[data-tone]")];
      const isAfter = (cell) => {
        const row = cell.parentElement.sectionRowIndex;
        return row > at.row || (row === at.row && cell.cellIndex - 1 > at.column);
      };
      const cell = marked.find(isAfter) ?? marked[0];
      if (cell) go(cell.parentElement.sectionRowIndex, cell.cellIndex - 1);
    });

    one("[data-grid-text]", place).addEventListener("click", () => {
      // What was chosen for the columns holds on for rows that are there.
      if (write(rows)) place.hidden = true;
      else place.remove();
      area.hidden = false;
      area.focus();
    });

    form.addEventListener("submit", () => editor && commit());
    // After Back, the browser has put the text as it was left.
    addEventListener("pageshow", () => {
      if (place.hidden || area.value === write(rows)) return;
      rows = read(area.value);
      changed();
    });

    const wasTyped = Boolean(rows.length);
    field.dataset.start.split(" ").forEach((name) => addColumn(wasTyped ? "" : name));
    area.hidden = true;
    place.hidden = false;
    show();
    cellAt(at).tabIndex = 0;
    if (wasTyped) check();
  };

  const start = () => {
    const field = one("[data-grid]");
    // A phone has no room for a grid, and no keys for it.
    if (field && matchMedia("(min-width: 801px)").matches) enhance(field);
  };
  addEventListener("DOMContentLoaded", start);
}
