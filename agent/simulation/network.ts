import type { Random } from './random.ts';
import type { Schedule } from './schedule.ts';

/** How one direction between two nodes behaves. Delays in µs, the others are probabilities. */
export type LinkQuality = {
  readonly loss: number;
  readonly duplicate: number;
  readonly delayMinUs: number;
  readonly delayMaxUs: number;
  /** how often a datagram takes up to lateMaxUs instead, and so arrives after many younger ones */
  readonly late: number;
  readonly lateMaxUs: number;
};

export const GOOD_LINK: LinkQuality = {
  loss: 0,
  duplicate: 0,
  delayMinUs: 100,
  delayMaxUs: 400,
  late: 0,
  lateMaxUs: 0,
};

type Link = { cuts: number; quality: LinkQuality };

/** Datagrams between named nodes: lost, doubled, delayed, reordered, and cut one way or both. */
export class Network {
  private readonly links = new Map<string, Map<string, Link>>();
  private readonly schedule: Schedule;
  private readonly random: Random;
  private usual: (from: string, to: string) => LinkQuality;

  constructor(schedule: Schedule, random: Random, usual: (from: string, to: string) => LinkQuality) {
    this.schedule = schedule;
    this.random = random;
    this.usual = usual;
  }

  send(from: string, to: string, deliver: () => void): void {
    const { cuts, quality } = this.link(from, to);
    if (cuts > 0 || this.random.chance(quality.loss)) return;
    this.schedule.after(this.delayUs(quality), deliver);
    if (this.random.chance(quality.duplicate)) this.schedule.after(this.delayUs(quality), deliver);
  }

  /** Cuts may overlap: the link carries again once each of them is mended. */
  cut(from: string, to: string): void {
    this.link(from, to).cuts++;
  }

  mend(from: string, to: string): void {
    const link = this.link(from, to);
    link.cuts = Math.max(0, link.cuts - 1);
  }

  isCut(from: string, to: string): boolean {
    return this.link(from, to).cuts > 0;
  }

  /** Without a quality the link becomes again what it usually is. */
  degrade(from: string, to: string, quality?: LinkQuality): void {
    this.link(from, to).quality = quality ?? this.usual(from, to);
  }

  /** From now on every link is usually like that, and is so at once. */
  improve(quality: LinkQuality): void {
    this.usual = () => quality;
    for (const links of this.links.values()) for (const link of links.values()) link.quality = quality;
  }

  private delayUs(quality: LinkQuality): number {
    if (this.random.chance(quality.late)) return this.random.between(quality.delayMinUs, quality.lateMaxUs);
    return this.random.between(quality.delayMinUs, quality.delayMaxUs);
  }

  private link(from: string, to: string): Link {
    let links = this.links.get(from);
    if (links === undefined) {
      links = new Map();
      this.links.set(from, links);
    }
    const known = links.get(to);
    if (known !== undefined) return known;
    const link = { cuts: 0, quality: this.usual(from, to) };
    links.set(to, link);
    return link;
  }
}
