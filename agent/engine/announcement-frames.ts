import type { FramePacer } from './frame-pacer.ts';

export type AnnouncementFrame = { readonly interface: string; readonly send: () => void };

/** The frames of one virtual router's announcements on their way. */
export class AnnouncementFrames {
  readonly #pacer: FramePacer;
  readonly #spacingUs: () => number;
  readonly #frames: () => readonly AnnouncementFrame[];
  #wanted = {};
  #underway = 0;
  #copiesAgain = 0;

  /** `frames`: one for each address. Both are asked when they are needed. */
  constructor(options: { pacer: FramePacer; spacingUs: () => number; frames: () => readonly AnnouncementFrame[] }) {
    this.#pacer = options.pacer;
    this.#spacingUs = options.spacingUs;
    this.#frames = options.frames;
  }

  /** Each address so often. While an announcement is under way the next one follows it, once: it tells of what came meanwhile. */
  announce(copies: number): void {
    if (this.#underway > 0) {
      this.#copiesAgain = Math.max(this.#copiesAgain, copies);
      return;
    }
    const frames = this.#frames();
    // Every address once before any a second time.
    const all = Array.from({ length: copies }, () => frames).flat();
    this.#underway = all.length;
    const wanted = this.#wanted;
    const spacingUs = this.#spacingUs();
    for (const name of new Set(all.map((frame) => frame.interface))) {
      const here = all.filter((frame) => frame.interface === name);
      const paced = here.map(({ send }) => ({ spacingUs, send: () => this.#send(send, wanted) }));
      this.#pacer.send(name, paced);
    }
  }

  /** What is still to be sent is not. */
  stop(): void {
    this.#wanted = {};
    this.#underway = 0;
    this.#copiesAgain = 0;
  }

  #send(send: () => void, wanted: object): boolean {
    if (wanted !== this.#wanted) return false;
    send();
    this.#underway -= 1;
    const copies = this.#copiesAgain;
    if (this.#underway === 0 && copies > 0) {
      this.#copiesAgain = 0;
      this.announce(copies);
    }
    return true;
  }
}
