/**
 * How it went over the last minutes: requests, events, latency, connections and memory, drawn by uPlot.
 */
import { element, make } from "../page/element.js";
import { loadModule } from "../page/module.js";
import { sentence } from "../page/words.js";
import { readSeries } from "./api.js";
import { amount, bytes, lasted, took } from "./measures.js";
import { createPoll } from "./poll.js";

/** @typedef {import("uplot").Options} Options */
/** One line of a chart: the column that it draws, its name, and the colour's variable. @typedef {{ column: string, name: string, colour: string }} Line */
/** `steps` are the distances that ticks may have. @typedef {{ title: string, lines: Line[], say(value: number): string, unit: string, steps?: number[] }} Plan */

const round = [1, 2, 5].flatMap((n) => Array.from({ length: 7 }, (_, i) => n * 10 ** i)).sort((a, b) => a - b);
const binary = Array.from({ length: 40 }, (_, i) => 2 ** i);

/** @type {Plan[]} */
const plans = [
  {
    title: "Requests", unit: "a second", say: amount,
    lines: [{ column: "reads", name: "reads", colour: "--electronics" }, { column: "writes", name: "writes", colour: "--added" }, { column: "faults", name: "refused", colour: "--deleted" }],
  },
  {
    title: "Events", unit: "a second", say: amount,
    lines: [{ column: "changes", name: "changes written", colour: "--added" }, { column: "events", name: "events delivered", colour: "--electronics" }],
  },
  {
    title: "Latency of writes", unit: "over the last 10 s", say: took,
    lines: [{ column: "writeP50", name: "half of them under", colour: "--added" }, { column: "writeP99", name: "99 % under", colour: "--modified" }],
  },
  {
    title: "Latency of reads", unit: "over the last 10 s, of GET one in 64", say: took,
    lines: [{ column: "readP50", name: "half of them under", colour: "--electronics" }, { column: "readP99", name: "99 % under", colour: "--modified" }],
  },
  {
    title: "Connections", unit: "open", say: amount, steps: round,
    lines: [{ column: "connections", name: "Socket.IO", colour: "--electronics" }, { column: "streams", name: "HTTP streams", colour: "--confectionery" }],
  },
  {
    title: "Memory", unit: "in use", say: bytes, steps: binary,
    lines: [{ column: "memory", name: "of the process", colour: "--modified" }, { column: "heap", name: "of the heap", colour: "--electronics" }, { column: "waiting", name: "waiting for clients", colour: "--deleted" }],
  },
];

const most = 600; // rows
const height = 170; // px
const pause = 3000; // ms until what could not be loaded is tried again
const grid = element("charts-grid");
const about = element("charts-about");
const fault = element("charts-fault");
const span = element("span", HTMLSelectElement);

/** A colour of the page. @param {string} name */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * The library, with its style sheet.
 * @param {number} tries before this one: browsers remember that an address gave no module, so each has its own
 * @returns {Promise<typeof import("uplot")>}
 */
async function loadLibrary(tries) {
  const address = new URL(`./uplot/uPlot.esm.js${tries > 0 ? `?${tries}` : ""}`, import.meta.url);
  const { default: uPlot } = await loadModule(address, "What draws the charts could not be loaded from this server: is it still running? It is tried again.");
  const sheet = make("link");
  sheet.rel = "stylesheet";
  sheet.href = new URL("./uplot/uPlot.min.css", import.meta.url).href;
  document.head.append(sheet);
  return uPlot;
}

export function createCharts() {
  /** @type {Map<string, (number | null)[]>} by the name of the column; times in seconds */
  const columns = new Map([["time", /** @type {(number | null)[]} */ ([])]]);
  /** @type {number | undefined} the time of the last row */
  let last;
  /** @type {{ plan: Plan, chart: import("uplot"), figure: HTMLElement, values: HTMLElement[] }[]} */
  let drawn = [];
  /** @type {Promise<typeof import("uplot")> | undefined} */
  let library;
  let tries = 0;
  let shown = false;

  /** Loads the library once; where it fails, the next question after a while tries again. */
  const load = () =>
    (library ??= loadLibrary(tries++).catch((error) => {
      setTimeout(() => (library = undefined), pause);
      throw error;
    }));

  const poll = createPoll(async () => {
    try {
      const uPlot = await load();
      const answer = await readSeries(last);
      take(answer);
      fault.hidden = true;
      if (!shown) return;
      if (drawn.length === 0) build(uPlot);
      update();
    } catch (error) {
      const said = sentence(error);
      if (fault.textContent !== said) fault.textContent = said; // it is read aloud with each change
      fault.hidden = false;
    }
  }, 1000);

  /** @param {import("./api.js").Series} answer */
  function take({ names, rows, began, version, fileBytes }) {
    for (const row of rows) {
      if (last !== undefined && Number(row[0]) <= last) continue;
      names.forEach((name, i) => {
        const column = columns.get(name) ?? [];
        columns.set(name, column);
        const value = row[i] ?? null;
        column.push(name === "time" && value !== null ? value / 1000 : value);
        if (column.length > most) column.shift();
      });
      last = Number(row[0]);
    }
    about.textContent = `ackbase ${version} · up for ${lasted(Date.now() - Date.parse(began))} · ${bytes(fileBytes)} of data`;
  }

  /** The rows that are shown, with a gap where nothing was measured. @param {Plan} plan */
  function dataOf(plan) {
    const times = /** @type {number[]} */ (columns.get("time") ?? []);
    const from = (times.at(-1) ?? 0) - Number(span.value);
    const first = Math.max(0, times.findIndex((time) => time >= from));
    /** @type {(number | null)[][]} */
    const data = [[], ...plan.lines.map(() => [])];
    for (let i = first; i < times.length; i++) {
      const time = times[i] ?? 0;
      if (i > first && time - (times[i - 1] ?? 0) > 5) data.forEach((column, at) => column.push(at === 0 ? time - 1 : null));
      data[0]?.push(time);
      plan.lines.forEach(({ column }, at) => data[at + 1]?.push(columns.get(column)?.[i] ?? null));
    }
    return /** @type {import("uplot").AlignedData} */ (/** @type {unknown} */ (data));
  }

  /** @param {typeof import("uplot")} uPlot */
  function build(uPlot) {
    const sync = uPlot.sync("console");
    drawn = plans.map((plan) => {
      const figure = make("figure", "chart");
      const caption = make("figcaption");
      caption.append(make("h3", "", plan.title), make("span", "unit", plan.unit));
      const legend = make("ul", "legend");
      const values = plan.lines.map(({ name, colour: of }) => {
        const line = make("li");
        const swatch = make("span", "swatch");
        swatch.style.background = `var(${of})`;
        const value = make("b", "", "–");
        line.append(swatch, make("span", "", name), " ", value);
        legend.append(line);
        return value;
      });
      const canvas = make("div", "canvas");
      canvas.setAttribute("aria-hidden", "true"); // what it shows stands in the legend as text
      figure.append(caption, legend, canvas);
      grid.append(figure);

      const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: `11px ${colour("--body")}` };
      /** @type {Options} */
      const options = {
        width: canvas.clientWidth || 300,
        height,
        legend: { show: false },
        cursor: { sync: { key: sync.key }, y: false, points: { size: 6 }, drag: { x: false, y: false } },
        scales: { x: { time: true, range: () => rangeX() }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.1 : 1] } },
        axes: [
          { ...axis, size: 26, space: 70, values: (_, ticks) => ticks.map((at) => new Date(at * 1000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false })) },
          { ...axis, size: 62, space: 34, ...(plan.steps && { incrs: plan.steps }), values: (_, ticks) => ticks.map((at) => plan.say(at)) },
        ],
        series: [{}, ...plan.lines.map(({ name, colour: of }, i) => ({
          label: name, stroke: colour(of), width: 1.6, points: { show: false }, spanGaps: false,
          ...(i === 0 && { fill: `color-mix(in srgb, ${colour(of)} 12%, transparent)` }),
        }))],
        hooks: { setCursor: [() => tell()] },
      };
      return { plan, chart: new uPlot(options, dataOf(plan), canvas), figure, values };
    });
  }

  /** From the first row that is shown, a minute at the least, to the last. @returns {[number, number]} */
  function rangeX() {
    const times = columns.get("time") ?? [];
    const end = times.at(-1) ?? Date.now() / 1000;
    return [Math.max(end - Number(span.value), Math.min(times[0] ?? end, end - 60)), end];
  }

  function update() {
    for (const { plan, chart } of drawn) chart.setData(dataOf(plan));
    tell();
  }

  /** Says the values under the pointer, or else the last ones. */
  function tell() {
    for (const { plan, chart, values } of drawn) {
      const at = chart.cursor.idx ?? chart.data[0].length - 1;
      plan.lines.forEach((_, i) => {
        const value = chart.data[i + 1]?.[at];
        const text = value === null || value === undefined ? "–" : plan.say(value);
        const place = values[i];
        if (place && place.textContent !== text) place.textContent = text;
      });
    }
  }

  function clear() {
    for (const { chart, figure } of drawn) {
      chart.destroy();
      figure.remove();
    }
    drawn = [];
  }

  span.addEventListener("change", update);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    clear(); // colours are drawn, not styled
    if (shown) poll.start();
  });
  new ResizeObserver(() => {
    for (const { chart, figure } of drawn) {
      const width = figure.querySelector(".canvas")?.clientWidth ?? 0;
      if (width > 0 && width !== chart.width) chart.setSize({ width, height });
    }
  }).observe(grid);

  return {
    show() {
      shown = true;
      poll.start();
    },
    hide() {
      shown = false;
      poll.stop();
    },
  };
}
