// Draws the charts of a report with D3. Each one is an SVG whose marks have the class "mark"; colours are those of report.css.
(() => {
  "use strict";

  const RUN_COLOURS = 8;
  const LONGEST_LABEL = 44;
  const HELD_OUT = ", held out";
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const colour = i => `var(--c${i})`;

  // What became of documents has the same colour in all charts, and no two the same: beyond the palette colours are made.
  const fates = new Map([["kept", 0], ["went on", 0], ["not found", 0], ["removed", 1], ["found", 1]]);
  const fate = name => fates.get(name) ?? fates.set(name, d3.max(fates.values()) + 1).get(name);
  const ofFate = i => i < RUN_COLOURS ? colour(i) : `hsl(${(i - RUN_COLOURS) * 137.5 % 360} 45% 55%)`;
  const ofRun = i => colour(i % RUN_COLOURS);
  const distinct = values => [...new Set(values)];

  /** Short numbers for axes: 1.2k, 3M; small ones as they are. */
  const short = value => {
    const size = Math.abs(value);
    return size >= 1000 ? d3.format(".3~s")(value).replace("G", "B") : size > 0 && size < 0.0001 ? d3.format(".2~e")(value) : d3.format(".4~g")(value);
  };
  const operations = value => d3.format(".3~e")(value);
  const exact = value => Number.isInteger(value) ? d3.format(",")(value) : d3.format(".4~g")(value);
  const numbers = across => across === "floating-point operations" ? operations : short;
  const cut = text => text.length > LONGEST_LABEL ? text.slice(0, LONGEST_LABEL - 1) + "…" : text;

  function frame(box, chart, width, height) {
    const svg = d3.select(box).append("svg").attr("viewBox", [0, 0, width, height])
      .attr("role", "img").attr("aria-label", chart.title);
    return svg;
  }

  /** @param colours one of each name */
  function legend(box, names, colours) {
    if (names.length < 2) return;
    const items = d3.select(box).append("ul").attr("class", "legend").selectAll("li").data(names).join("li");
    items.append("span").style("border", (_, i) => `2px solid ${colours[i]}`)
      .style("background", (name, i) => name.endsWith(HELD_OUT) ? "transparent" : colours[i]);
    items.append(() => document.createTextNode("")).text(name => name);
  }

  /** Rows are label, series, value: one bar a label, its series one behind the other. */
  function bars(box, chart, width) {
    const labels = distinct(chart.rows.map(row => row[0]));
    const names = distinct(chart.rows.map(row => row[1]));
    const series = names.length === 1 ? names : d3.sort(names, fate);
    const colours = series.map(by => ofFate(names.length === 1 ? 0 : fate(by)));
    legend(box, series, colours);
    const name = label => label === "" ? "(none)" : typeof label === "number" ? exact(label) : cut(String(label));
    const longest = d3.max(labels, label => name(label).length);
    const left = Math.min(width * 0.45, longest * 6.6 + 12);
    const room = Math.floor((left - 11) / 6.6);
    const row = 22, top = 4, bottom = 40, right = 56;
    const height = top + labels.length * row + bottom;
    const svg = frame(box, chart, width, height);
    const totals = d3.rollup(chart.rows, rows => d3.sum(rows, r => r[2]), r => r[0]);
    const x = d3.scaleLinear([0, d3.max(totals.values()) || 1], [left, width - right]);
    const y = d3.scaleBand(labels, [top, height - bottom]).padding(0.2);
    svg.append("g").attr("class", "axis").attr("transform", `translate(0,${height - bottom})`)
      .call(d3.axisBottom(x).ticks(Math.max(2, width / 120)).tickFormat(short).tickSize(-(height - bottom - top)));
    svg.append("text").attr("x", (left + width - right) / 2).attr("y", height - 4).attr("text-anchor", "middle").text(chart.up);
    const starts = new Map();
    for (const [label, by, value] of d3.sort(chart.rows, row => series.indexOf(row[1]))) {
      if (value === null) continue;
      const from = starts.get(label) || 0;
      starts.set(label, from + value);
      svg.append("rect").attr("class", "mark").attr("x", x(from)).attr("y", y(label))
        .attr("width", Math.max(0, x(from + value) - x(from))).attr("height", y.bandwidth())
        .style("fill", colours[series.indexOf(by)])
        .append("title").text(`${label === "" ? "(none)" : label}, ${by}: ${exact(value)}`);
    }
    const texts = svg.append("g").selectAll("g").data(labels).join("g");
    texts.append("text").attr("x", left - 6).attr("y", l => y(l) + y.bandwidth() / 2).attr("dy", "0.35em")
      .attr("text-anchor", "end").text(l => { const n = name(l); return n.length > room ? n.slice(0, room - 1) + "…" : n; })
      .append("title").text(l => l);
    texts.append("text").attr("x", l => x(totals.get(l)) + 5).attr("y", l => y(l) + y.bandwidth() / 2).attr("dy", "0.35em")
      .text(l => short(totals.get(l)));
  }

  /** Rows are x, series, y. */
  function lines(box, chart, width) {
    const series = d3.groups(chart.rows, row => row[1]).map(([name, rows]) => ({name, rows: d3.sort(rows, r => r[0])}));
    const runs = distinct(series.map(s => s.name.replace(HELD_OUT, "")));
    const colours = series.map(s => ofRun(runs.indexOf(s.name.replace(HELD_OUT, ""))));
    legend(box, series.map(s => s.name), colours);
    const height = 300, top = 10, bottom = 44, left = 58, right = 16;
    const svg = frame(box, chart, width, height);
    const x = d3.scaleLinear(d3.extent(chart.rows, r => r[0]), [left, width - right]);
    const [low, high] = d3.extent(chart.rows, r => r[2]);
    const y = d3.scaleLinear(low === high ? [Math.min(0, low), high || 1] : [low, high], [height - bottom, top]).nice();
    svg.append("g").attr("class", "axis").attr("transform", `translate(0,${height - bottom})`)
      .call(d3.axisBottom(x).ticks(Math.max(2, width / 110)).tickFormat(numbers(chart.across)));
    svg.append("g").attr("class", "axis").attr("transform", `translate(${left},0)`)
      .call(d3.axisLeft(y).ticks(6).tickFormat(short).tickSize(-(width - left - right)));
    svg.append("text").attr("x", (left + width - right) / 2).attr("y", height - 6).attr("text-anchor", "middle").text(chart.across);
    svg.append("text").attr("transform", `translate(12,${(top + height - bottom) / 2})rotate(-90)`).attr("text-anchor", "middle").text(chart.up);
    const path = d3.line(r => x(r[0]), r => y(r[2]));
    series.forEach((s, i) => {
      svg.append("path").attr("class", "mark").attr("d", path(s.rows))
        .style("fill", "none").style("stroke", colours[i]).style("stroke-width", 1.8)
        .style("stroke-dasharray", s.name.endsWith(HELD_OUT) ? "5 4" : null);
      if (s.rows.length <= 40) {
        svg.append("g").selectAll("circle").data(s.rows).join("circle").attr("class", "mark")
          .attr("cx", r => x(r[0])).attr("cy", r => y(r[2])).attr("r", 2.5).style("fill", colours[i]);
      }
    });
    pointer(box, svg, chart, series, x, width);
  }

  /** Shows the values nearest to the pointer. */
  function pointer(box, svg, chart, series, x, width) {
    const tip = d3.select(box).append("div").attr("class", "tip").style("display", "none");
    svg.on("pointermove", event => {
      const [at, down] = d3.pointer(event, svg.node());
      const lines = series.map(s => {
        const row = d3.least(s.rows, r => Math.abs(x(r[0]) - at));
        return `${s.name}: ${exact(row[2])} at ${numbers(chart.across)(row[0])}`;
      });
      const scale = box.clientWidth / width;
      tip.style("display", null).text(lines.join("\n"))
        .style("left", at > width / 2 ? null : `${at * scale + 12}px`)
        .style("right", at > width / 2 ? `${(width - at) * scale + 12}px` : null)
        .style("top", `${down * scale}px`);
    }).on("pointerleave", () => tip.style("display", "none"));
  }

  /** Rows are x, y, value; one of none has no cell. The scale is from 0 to the chart's own upper end, whatever its values are. */
  function heat(box, chart, width, fill, ticks) {
    const columns = distinct(chart.rows.map(row => row[0]));
    const layers = distinct(chart.rows.map(row => row[1]));
    const cell = Math.min(64, Math.max(6, 320 / layers.length));
    const top = 4, bottom = 44, left = 46, right = 8;
    const height = top + layers.length * cell + bottom;
    const key = d3.select(box).append("p").attr("class", "legend");
    key.append("span").attr("class", "scale")
      .style("background", `linear-gradient(to right, ${d3.range(0, 1.01, 0.1).map(at => fill(at * chart.most)).join(", ")})`);
    key.append(() => document.createTextNode(ticks));
    const svg = frame(box, chart, width, height);
    const x = d3.scaleBand(columns, [left, width - right]);
    const y = d3.scaleBand(layers, [top, height - bottom]);
    svg.selectAll("rect").data(chart.rows.filter(r => r[2] !== null)).join("rect").attr("class", "mark")
      .attr("x", r => x(r[0])).attr("y", r => y(r[1])).attr("width", x.bandwidth() + 0.3).attr("height", y.bandwidth() + 0.3)
      .style("fill", r => fill(r[2]))
      .append("title").text(r => `${chart.across} ${exact(r[0])}, ${chart.up} ${r[1]}: ${exact(r[2])}`);
    const every = (values, room) => values.filter((_, i) => i % Math.ceil(values.length / room) === 0);
    svg.append("g").attr("class", "axis").attr("transform", `translate(0,${height - bottom})`)
      .call(d3.axisBottom(x).tickValues(every(columns, Math.max(2, width / 60))).tickFormat(short).tickSize(3));
    svg.append("g").attr("class", "axis").attr("transform", `translate(${left},0)`)
      .call(d3.axisLeft(y).tickValues(every(layers, Math.max(1, layers.length * cell / 16))).tickSize(3));
    svg.append("text").attr("x", (left + width - right) / 2).attr("y", height - 6).attr("text-anchor", "middle").text(chart.across);
    svg.append("text").attr("transform", `translate(12,${(top + height - bottom) / 2})rotate(-90)`).attr("text-anchor", "middle").text(chart.up);
  }

  const evenness = d3.piecewise(d3.interpolateLab, ["#542788", "#c9c9c9", "#e66101"]);
  const upwards = (box, chart, width) =>
    heat(box, chart, width, d3.scaleSequential([0, chart.most], d3.interpolateViridis), `0 to ${short(chart.most)}`);
  const aroundOne = (box, chart, width) =>
    heat(box, chart, width, d3.scaleDiverging([0, 1, chart.most], evenness), `0 to ${short(chart.most)}, grey 1`);

  const kinds = {BARS: bars, LINES: lines, HEAT: upwards, AROUND_ONE: aroundOne};

  function draw() {
    for (const chart of charts) {
      const box = document.querySelector(`#${chart.id} .chart`);
      box.replaceChildren();
      kinds[chart.kind](box, chart, Math.max(280, box.clientWidth));
    }
  }

  function search(field) {
    const rows = document.querySelectorAll(`#${field.dataset.table} tbody tr`);
    const said = field.closest("p").querySelector("output");
    field.addEventListener("input", () => {
      const wanted = field.value.toLowerCase();
      let found = 0;
      for (const row of rows) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
        found += row.hidden ? 0 : 1;
      }
      said.textContent = wanted === "" ? "" : `${found} of ${rows.length}`;
    });
  }

  draw();
  document.querySelectorAll("input[data-table]").forEach(search);
  let drawn = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth !== drawn) {
      drawn = window.innerWidth;
      draw();
    }
  });
})();
