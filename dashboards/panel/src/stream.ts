/** The live stream: one per visible tab, snapshot first, then changes; heals by itself.
 *
 * EventSource reconnects, but says nothing when the other side merely stops talking. So a watchdog looks at the time of
 * the last message (the gateway sends a heartbeat every 2 s): silence of STALE_MS raises the banner, and makes a new
 * connection instead of waiting for TCP to notice.
 */

/** Three missed heartbeats. Shorter and a phone on a bad network cries wolf; longer and the banner misses its 8 s. */
const STALE_MS = 6500;

/** How often a silent connection is replaced by a new one. */
const RETRY_MS = 3000;

export type Point = { value: unknown; quality: string; at_us: number; stale: boolean; desired?: unknown };
export type DeviceNow = {
  key: string;
  name: string;
  area: string;
  availability: string;
  reason: string;
  since_us: number;
  points: Record<string, Point>;
};
export type News = { kind: string; device?: string; point?: string; at_us: number; [field: string]: unknown };

export interface Listener {
  snapshot(devices: DeviceNow[]): void;
  changes(news: News[]): void;
  /** `live` while messages come in. `reason` is set when the server ended the stream. */
  state(live: boolean, reason: string): void;
}

export class Stream {
  /** performance.now() of the last message; 0 before the first. */
  heardAt = 0;
  /** Server clock minus ours, in ms: ages are right even on a tablet whose clock is not. */
  skew = 0;
  private source: EventSource | null = null;
  private openedAt = 0;
  private quietSince = 0;
  private told: "waiting" | "live" | "stale" = "waiting";
  private signedOut = false;

  constructor(
    private readonly url: string,
    private readonly listener: Listener,
  ) {
    document.addEventListener("visibilitychange", () => this.look());
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", () => this.look());
    addEventListener("online", () => this.reopen());
    setInterval(() => this.watch(), 500);
    this.look();
  }

  /** Server time in microseconds. */
  now_us(): number {
    return (Date.now() + this.skew) * 1000;
  }

  private look(): void {
    if (document.hidden) return this.close();
    if (this.source) return;
    this.quietSince = performance.now();
    this.open();
  }

  private open(): void {
    if (this.signedOut) return;
    this.openedAt = performance.now();
    const source = new EventSource(this.url);
    this.source = source;
    source.addEventListener("snapshot", (event) => {
      const said = JSON.parse(event.data);
      this.heard(said.at_us);
      this.listener.snapshot(said.devices);
    });
    source.addEventListener("changes", (event) => {
      this.heard();
      this.listener.changes(JSON.parse(event.data));
    });
    source.addEventListener("heartbeat", (event) => this.heard(JSON.parse(event.data).at_us));
    source.addEventListener("end", (event) => this.over(JSON.parse(event.data).reason));
  }

  private close(): void {
    this.source?.close();
    this.source = null;
  }

  private reopen(): void {
    this.close();
    if (!document.hidden) this.open();
  }

  private heard(at_us?: number): void {
    this.heardAt = this.quietSince = performance.now();
    if (at_us) this.skew = at_us / 1000 - Date.now();
    this.tell("live");
  }

  private over(reason: string): void {
    this.close();
    this.signedOut = reason === "signed-out";
    this.tell("stale", reason);
  }

  private watch(): void {
    if (document.hidden) return;
    const now = performance.now();
    if (now - this.quietSince > STALE_MS) this.tell("stale");
    const silent = !this.source || this.source.readyState === EventSource.CLOSED || now - this.quietSince > STALE_MS;
    if (silent && now - this.openedAt > RETRY_MS) this.reopen();
  }

  private tell(state: "live" | "stale", reason = ""): void {
    if (this.told === state) return;
    this.told = state;
    this.listener.state(state === "live", reason);
  }
}
