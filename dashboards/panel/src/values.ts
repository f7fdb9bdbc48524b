/** Puts what the stream says where the server put what it knew: the same places, the same words. */
import { ago, icon, number, say } from "./page";
import type { DeviceNow, News, Point, Stream } from "./stream";

type Seen = { point: Point; device: string };

const seen = new Map<string, Seen>();
const away = new Map<string, string>();

function each(name: string, key: string, act: (element: HTMLElement) => void): void {
  document.querySelectorAll<HTMLElement>(`[data-${name}="${CSS.escape(key)}"]`).forEach(act);
}

/** The value as text, by the format the server chose for this place. */
export function text(element: HTMLElement, value: unknown): string {
  const format = element.dataset.format ?? "";
  if (typeof value === "number" && format.startsWith("n")) return number(value, Number(format.slice(1)));
  if (typeof value === "boolean") return (value ? element.dataset.on : element.dataset.off) ?? String(value);
  return element.dataset.words ? (JSON.parse(element.dataset.words)[String(value)] ?? String(value)) : String(value);
}

function put(element: Element, words: string): void {
  if (element.textContent !== words) element.textContent = words;
}

function show(key: string, device: string, point: Point): void {
  seen.set(key, { point, device });
  each("value", key, (element) => {
    put(element, text(element, point.value));
    element.classList.toggle("is-stale", point.stale);
    element.classList.toggle("is-bad", point.quality === "bad" && !point.stale);
    const unit = element.nextElementSibling;
    if (unit?.classList.contains("unit")) (unit as HTMLElement).hidden = false;
  });
  each("switch", key, (button) => {
    button.setAttribute("aria-checked", String(point.value === true));
    const wish = button.closest("form")?.querySelector<HTMLInputElement>('input[name="value"]');
    if (wish) wish.value = point.value === true ? "false" : "true";
  });
  each("input", key, (input) => {
    if (document.activeElement !== input && typeof point.value !== "boolean") {
      (input as HTMLInputElement).value = String(point.value);
    }
  });
  each("choice", key, (button) =>
    button.setAttribute("aria-pressed", String((button as HTMLButtonElement).value === String(point.value))),
  );
}

/** Ages: said only when older than the point's own limit, or when the value is stale, bad or uncertain. */
export function ages(now_us: number): void {
  document.querySelectorAll<HTMLElement>("[data-age]").forEach((element) => {
    const found = seen.get(element.dataset.age ?? "");
    if (!found) return;
    const { point } = found;
    const age_s = (now_us - point.at_us) / 1e6;
    const old = point.stale || age_s > Number(element.dataset.limit || Infinity);
    const mark = old ? "stale" : point.quality === "uncertain" ? "attention" : point.quality === "bad" ? "alarm" : "";
    const words =
      mark === "stale" ? say("old", { age: ago(age_s) }) : mark === "attention" ? say("uncertain") : mark ? say("bad") : "";
    element.classList.toggle("uncertain", mark === "attention");
    if (element.dataset.mark !== mark) {
      element.dataset.mark = mark;
      element.replaceChildren(...(mark ? [icon(mark), document.createElement("span")] : []));
    }
    if (mark) put(element.lastElementChild!, words);
  });
  document.querySelectorAll<HTMLElement>("[data-at]").forEach((element) => {
    put(element, ago((now_us - Number(element.dataset.at)) / 1e6));
  });
}

function reach(device: string, availability: string): void {
  if (away.get(device) === availability) return;
  away.set(device, availability);
  each("device", device, (element) => element.classList.toggle("is-away", availability !== "online"));
  each("availability", device, (element) => {
    const mark = availability === "online" ? "ok" : availability;
    element.className = element.className.replace(/state-\w+/, `state-${mark}`);
    const word = document.createElement("span");
    word.textContent = say(availability);
    element.replaceChildren(icon(mark), word);
  });
}

// -- commands: pending, confirmed, refused -----------------------------------------------------------------

const receipts = new Map<string, News>();

const STAGES: Record<string, [string, string]> = {
  accepted: ["pending", "wait"],
  sent: ["pending", "wait"],
  done: ["done", "check"],
  effective: ["done", "check"],
  ineffective: ["ineffective", "attention"],
  expired: ["refused", "attention"],
  refused: ["refused", "attention"],
  failed: ["refused", "attention"],
};

/** How long "confirmed" stays: it is news, not a state. */
const CONFIRMED_MS = 4000;

function outcome(element: HTMLElement, news: News): void {
  const [state, mark] = STAGES[String(news.stage)] ?? ["pending", "wait"];
  const form = document.querySelectorAll<HTMLElement>(`form[data-point="${CSS.escape(`${news.device}/${news.point}`)}"]`);
  form.forEach((one) => (one.dataset.command = state));
  element.dataset.command = state;
  element.dataset.id = String(news.id);
  const sentence = document.createElement("span");
  sentence.textContent = String((state !== "pending" && state !== "done" && news.detail) || say(`stage-${news.stage}`));
  element.replaceChildren(icon(mark), sentence);
  if (state === "done") {
    setTimeout(() => {
      if (element.dataset.id === String(news.id) && element.dataset.command === "done") element.replaceChildren();
      form.forEach((one) => delete one.dataset.command);
    }, CONFIRMED_MS);
  }
}

function receipt(news: News): void {
  receipts.set(String(news.id), news);
  if (receipts.size > 200) receipts.delete(receipts.keys().next().value!);
  each("outcome", `${news.device}/${news.point}`, (element) => outcome(element, news));
}

/** After the form's answer is on the page: the stream may have been faster. */
export function settle(element: HTMLElement): void {
  const known = receipts.get(element.dataset.id ?? "");
  if (known) outcome(element, known);
}

// -- what the stream says ----------------------------------------------------------------------------------

export function snapshot(devices: DeviceNow[]): void {
  for (const device of devices) {
    reach(device.key, device.availability);
    for (const [key, point] of Object.entries(device.points)) show(`${device.key}/${key}`, device.key, point);
  }
}

const waiting = new Map<string, News>();
let asked = 0;

/** Takes changes in; the page is touched once per frame, however many came. */
export function changes(news: News[], stream: Stream): void {
  for (const one of news) {
    if (one.kind === "reading") waiting.set(`${one.device}/${one.point}`, one);
    else if (one.kind === "availability") reach(String(one.device), String(one.availability));
    else if (one.kind === "receipt") receipt(one);
    if (one.kind !== "reading" && one.kind !== "receipt") ring(one.kind);
  }
  asked ||= requestAnimationFrame(() => {
    asked = 0;
    for (const [key, one] of waiting) {
      show(key, String(one.device), one as unknown as Point);
      document.dispatchEvent(new CustomEvent("sluis:reading", { detail: one }));
    }
    waiting.clear();
    ages(stream.now_us());
  });
}

const bells = new Map<string, number>();

/** Parts of the page that the server draws ask for themselves again: at most once in two seconds per kind of news. */
function ring(kind: string): void {
  if (bells.has(kind)) return;
  bells.set(
    kind,
    window.setTimeout(() => {
      bells.delete(kind);
      document.body.dispatchEvent(new CustomEvent(`news-${kind}`));
    }, 400),
  );
}
