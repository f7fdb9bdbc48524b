/** The last raw frames of a device, again every few seconds while somebody looks. */
import { LitElement, html } from "lit";
import { number, say } from "./page";

type Frame = { at_us: number; source: string; size_bytes: number; text: string; hex: string; outcome: string; rssi_dbm: number | null };

const REFRESH_MS = 3000;

class FrameLog extends LitElement {
  static override properties = { src: {}, frames: { state: true }, paused: { state: true } };
  declare src: string;
  declare frames: Frame[] | null;
  declare paused: boolean;
  private timer = 0;

  constructor() {
    super();
    this.frames = null;
    this.paused = false;
  }

  override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = window.setInterval(() => void this.load(), REFRESH_MS);
  }

  override disconnectedCallback(): void {
    clearInterval(this.timer);
    super.disconnectedCallback();
  }

  private async load(): Promise<void> {
    const hidden = document.hidden || this.paused || !this.closest("details")?.open;
    if (hidden) return;
    const answer = await fetch(this.src, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    this.querySelector(".fallback")?.remove();
    this.frames = (await answer.json()) as Frame[];
  }

  override render() {
    if (!this.frames) return html``;
    const time = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "medium" });
    return html`<button type="button" class="btn btn-s" aria-pressed=${this.paused} @click=${() => (this.paused = !this.paused)}>
        ${say(this.paused ? "resume" : "pause")}
      </button>
      <ol class="frames">
        ${this.frames.map(
          (frame) => html`<li>
            <div class="meta"><span class="num">${time.format(frame.at_us / 1000)}</span><span class="mono">${frame.source}</span>
              <span>${number(frame.size_bytes, 0)} B</span><span>${frame.outcome}</span></div>
            <pre tabindex="0" aria-label=${frame.source}>${frame.text || frame.hex}</pre>
          </li>`,
        )}
      </ol>`;
  }
}

customElements.define("frame-log", FrameLog);
