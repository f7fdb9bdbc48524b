/** Reads a QR label with the camera where the browser can (secure context and BarcodeDetector), else stays away. */
import { say } from "./page";

type Detector = { detect(source: CanvasImageSource): Promise<{ rawValue: string }[]> };
declare const BarcodeDetector: { new (options: { formats: string[] }): Detector };

class QrScan extends HTMLElement {
  private stream: MediaStream | null = null;

  connectedCallback(): void {
    if (!("BarcodeDetector" in window) || !isSecureContext || !navigator.mediaDevices) return;
    this.hidden = false;
    this.querySelector("button")?.addEventListener("click", () => void this.scan());
  }

  disconnectedCallback(): void {
    this.stop();
  }

  private async scan(): Promise<void> {
    const video = this.querySelector("video")!;
    const note = this.querySelector("output")!;
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      note.textContent = say("no-camera");
      return;
    }
    video.srcObject = this.stream;
    video.hidden = false;
    await video.play();
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    while (this.stream) {
      const found = await detector.detect(video);
      if (found[0]) return this.open(found[0].rawValue);
      await new Promise((resume) => setTimeout(resume, 200));
    }
  }

  /** A label holds the address of a page here; of a foreign label only the text is looked up. */
  private open(label: string): void {
    this.stop();
    const url = URL.canParse(label) ? new URL(label) : null;
    if (url && url.host === location.host) location.assign(url.pathname + url.hash);
    else location.assign(`/find?q=${encodeURIComponent(url ? (url.pathname.split("/").pop() ?? "") : label)}`);
  }

  private stop(): void {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
  }
}

customElements.define("qr-scan", QrScan);
