declare module "htmx.org" {
  const htmx: { config: Record<string, unknown>; trigger(target: EventTarget, name: string, detail?: unknown): void };
  export default htmx;
}
