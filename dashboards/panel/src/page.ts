/** What the server says about this page, on <html> and <body>. */
export const root = document.documentElement;
export const language = root.lang || "en";
export const csrf = document.querySelector<HTMLMetaElement>('meta[name="csrf"]')?.content ?? "";
export const icons = root.dataset.icons ?? "";

const words = JSON.parse(document.getElementById("words")?.textContent || "{}") as Record<string, string>;

/** A sentence in the reader's language, from the words the server put on the page. */
export function say(key: string, fill: Record<string, string | number> = {}): string {
  return (words[key] ?? key).replace(/%\((\w+)\)s/g, (_, name: string) => String(fill[name] ?? ""));
}

export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${icons}#${name}`);
  svg.append(use);
  return svg;
}

const relative = new Intl.RelativeTimeFormat(language, { numeric: "always", style: "short" });

/** "3 min geleden" for an age in seconds. */
export function ago(age_s: number): string {
  if (age_s < 60) return relative.format(-Math.max(1, Math.round(age_s)), "second");
  if (age_s < 5400) return relative.format(-Math.round(age_s / 60), "minute");
  if (age_s < 129600) return relative.format(-Math.round(age_s / 3600), "hour");
  return relative.format(-Math.round(age_s / 86400), "day");
}

const numbers = new Map<number, Intl.NumberFormat>();

/** A number with fixed decimals, as the server writes it. */
export function number(value: number, decimals: number): string {
  let format = numbers.get(decimals);
  if (!format) {
    format = new Intl.NumberFormat(language, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    numbers.set(decimals, format);
  }
  return format.format(value);
}
