/** A point's history: uPlot in the page's own colours and language, with the same in words and as a table. */
import { LitElement, html, nothing } from "lit";
import uPlot from "uplot";
import { icon, language, number, say } from "./page";

type Bucket = { at_us: number; min: number; mean: number; max: number; last: number; count: number };

const SPANS: [string, number][] = [
  ["1h", 3600],
  ["24h", 86400],
  ["7d", 7 * 86400],
  ["30d", 30 * 86400],
  ["1y", 365 * 86400],
];

/** Buckets asked for: about one per two pixels of a phone; the server reads rollups, never raw rows. */
const BUCKETS = 240;

/** A line is broken where this many buckets are missing: silence is not a straight line. */
const GAP = 3;

class LineChart extends LitElement {
  static override properties = {
    src: {},
    name: {},
    unit: {},
    decimals: { type: Number },
    kind: {},
    span: {},
    series: { state: true },
    problem: { state: true },
  };
  declare src: string;
  declare name: string;
  declare unit: string;
  declare decimals: number;
  declare kind: string;
  declare span: string;
  declare series: Bucket[] | null;
  declare problem: boolean;
  private plot: uPlot | null = null;
  private resize = new ResizeObserver(() => this.fit());
  private dark = matchMedia("(prefers-color-scheme: dark)");
  private again = () => this.draw();
  private timer = 0;
  /** Seconds: all of the period asked for, so that a short past does not look like a long one. */
  private window: [number, number] = [0, 1];

  constructor() {
    super();
    this.span = "24h";
    this.decimals = 1;
    this.kind = "number";
    this.series = null;
    this.problem = false;
  }

  override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.querySelector(".fallback")?.remove();
    this.dark.addEventListener("change", this.again);
    this.resize.observe(this);
    this.timer = window.setInterval(() => document.hidden || void this.load(), 30_000);
    void this.load();
  }

  override disconnectedCallback(): void {
    clearInterval(this.timer);
    this.dark.removeEventListener("change", this.again);
    this.resize.disconnect();
    this.plot?.destroy();
    this.plot = null;
    super.disconnectedCallback();
  }

  private async load(): Promise<void> {
    const seconds = SPANS.find(([name]) => name === this.span)?.[1] ?? 86400;
    const end = Date.now() * 1000;
    this.window = [end / 1e6 - seconds, end / 1e6];
    const url = new URL(this.src, location.href);
    url.searchParams.set("start_us", String(Math.round(end - seconds * 1e6)));
    url.searchParams.set("end_us", String(Math.round(end)));
    url.searchParams.set("buckets", String(BUCKETS));
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      this.series = ((await answer.json()) as { buckets: Bucket[] }).buckets.filter((one) => one.count > 0 && one.mean !== null);
      this.problem = false;
    } catch {
      this.problem = true;
    }
    await this.updateComplete;
    this.draw();
  }

  private pick(span: string): void {
    this.span = span;
    void this.load();
  }

  /** [times in s, mean, min, max] with nulls where nothing was heard. */
  private columns(): uPlot.AlignedData {
    const rows = this.series ?? [];
    const [times, mean, low, high]: [number[], (number | null)[], (number | null)[], (number | null)[]] = [[], [], [], []];
    const steps = rows.slice(1).map((row, index) => row.at_us - rows[index]!.at_us).sort((a, b) => a - b);
    const usual = steps[Math.floor(steps.length / 2)] ?? 0;
    rows.forEach((row, index) => {
      const before = rows[index - 1];
      if (before && usual && row.at_us - before.at_us > GAP * usual) {
        times.push((before.at_us + usual) / 1e6);
        [mean, low, high].forEach((column) => column.push(null));
      }
      times.push(row.at_us / 1e6);
      mean.push(this.kind === "switch" ? row.last : row.mean);
      low.push(row.min);
      high.push(row.max);
    });
    return [times, mean, low, high];
  }

  private draw(): void {
    const place = this.querySelector<HTMLElement>(".plot");
    if (!place || !this.series?.length) {
      this.plot?.destroy();
      this.plot = null;
      return;
    }
    this.plot?.destroy();
    const ink = (name: string) => getComputedStyle(this).getPropertyValue(name).trim();
    const axis = { stroke: ink("--ink-2"), grid: { stroke: ink("--line"), width: 1 }, ticks: { stroke: ink("--line"), width: 1 }, font: "12px system-ui" };
    const seconds = SPANS.find(([name]) => name === this.span)?.[1] ?? 86400;
    const ticks = new Intl.DateTimeFormat(language, seconds > 2 * 86400 ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" });
    const line: uPlot.Series = { stroke: ink("--accent"), width: 2, points: { show: this.series.length < 3 } };
    if (this.kind === "switch" && uPlot.paths.stepped) line.paths = uPlot.paths.stepped({ align: 1 });
    const edge: uPlot.Series = { stroke: "transparent", points: { show: false } };
    const onOff = (value: number) => say(value >= 0.5 ? "on" : "off");
    this.plot = new uPlot(
      {
        width: place.clientWidth,
        height: this.height(),
        padding: [8, 24, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        scales: { x: { time: true, range: () => this.window }, y: this.kind === "switch" ? { range: [-0.1, 1.1] } : { range: (_, low, high) => padded(low, high) } },
        axes: [
          { ...axis, values: (_, times) => times.map((time) => ticks.format(time * 1000)), space: 64 },
          {
            ...axis,
            size: 54,
            ...(this.kind === "switch" ? { splits: () => [0, 1] } : {}),
            values: (_, values) => values.map((value) => (this.kind === "switch" ? onOff(value) : axisNumber(value, values))),
          },
        ],
        bands: this.kind === "switch" ? [] : [{ series: [3, 2], fill: ink("--accent") + "26" }],
        series: [{}, line, edge, edge],
        hooks: { setCursor: [(plot) => this.point(plot)] },
      },
      this.columns(),
      place,
    );
  }

  private height(): number {
    return innerWidth < 640 ? 220 : 280;
  }

  private fit(): void {
    const place = this.querySelector<HTMLElement>(".plot");
    if (place && this.plot && place.clientWidth !== this.plot.width) this.plot.setSize({ width: place.clientWidth, height: this.height() });
  }

  private point(plot: uPlot): void {
    const spot = this.querySelector(".chart-spot");
    const index = plot.cursor.idx;
    const value = index == null ? null : plot.data[1]?.[index];
    if (spot) spot.textContent = index == null || value == null ? "" : `${this.moment(plot.data[0][index]! * 1e6)}: ${this.words(value)}`;
  }

  private moment(at_us: number): string {
    return new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "short" }).format(at_us / 1000);
  }

  private words(value: number): string {
    if (this.kind === "switch") return say(value >= 0.5 ? "on" : "off");
    return number(value, this.decimals) + (this.unit ? ` ${this.unit}` : "");
  }

  private summary(): string {
    const rows = this.series ?? [];
    if (!rows.length) return say("chart-empty");
    const last = rows[rows.length - 1]!;
    const total = rows.reduce((sum, row) => sum + row.count, 0);
    if (this.kind === "switch") return say("chart-switch", { last: this.words(last.last), count: number(total, 0) });
    const low = rows.reduce((least, row) => (row.min < least.min ? row : least));
    const high = rows.reduce((most, row) => (row.max > most.max ? row : most));
    const mean = rows.reduce((sum, row) => sum + row.mean * row.count, 0) / total;
    return say("chart-summary", {
      low: this.words(low.min),
      low_at: this.moment(low.at_us),
      high: this.words(high.max),
      high_at: this.moment(high.at_us),
      mean: this.words(mean),
      count: number(total, 0),
    });
  }

  override render() {
    const rows = this.series ?? [];
    return html`<div class="chart-head">
        <div class="seg" role="group" aria-label=${say("span")}>
          ${SPANS.map(([name]) => html`<button type="button" aria-pressed=${name === this.span} @click=${() => this.pick(name)}>${say(`span-${name}`)}</button>`)}
        </div>
        <span class="chart-spot small soft num"></span>
      </div>
      ${this.problem ? html`<p class="state state-attention">${say("chart-problem")}</p>` : nothing}
      <div class="plot" role="img" aria-label="${this.name}. ${this.series ? this.summary() : ""}" ?hidden=${!rows.length}></div>
      <p class="small soft">${this.series ? this.summary() : say("loading")}</p>
      ${rows.length
        ? html`<details>
            <summary>${icon("chevron")}${say("chart-table")}</summary>
            <div class="table-wrap" tabindex="0" role="region" aria-label=${say("chart-table")}>
              <table>
                <thead>
                  <tr><th scope="col">${say("time")}</th>${this.kind === "switch"
                    ? html`<th scope="col" class="n">${say("value")}</th>`
                    : html`<th scope="col" class="n">${say("min")}</th><th scope="col" class="n">${say("mean")}</th><th scope="col" class="n">${say("max")}</th>`}</tr>
                </thead>
                <tbody>
                  ${thin(rows).map(
                    (row) => html`<tr><td>${this.moment(row.at_us)}</td>${this.kind === "switch"
                      ? html`<td class="n">${this.words(row.last)}</td>`
                      : html`<td class="n">${this.words(row.min)}</td><td class="n">${this.words(row.mean)}</td><td class="n">${this.words(row.max)}</td>`}</tr>`,
                  )}
                </tbody>
              </table>
            </div>
          </details>`
        : nothing}`;
  }
}

/** At most 48 rows: enough to read, few enough to listen to. */
function thin(rows: Bucket[]): Bucket[] {
  const step = Math.ceil(rows.length / 48);
  return rows.filter((_, index) => (rows.length - 1 - index) % step === 0).reverse();
}

function padded(low: number, high: number): [number, number] {
  const room = Math.max((high - low) * 0.08, Math.abs(high) * 0.01, 0.05);
  return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
}

function axisNumber(value: number, values: number[]): string {
  const step = Math.abs((values[1] ?? value) - (values[0] ?? value));
  return number(value, step > 0 && step < 1 ? (step < 0.1 ? 2 : 1) : 0);
}

customElements.define("line-chart", LineChart);
