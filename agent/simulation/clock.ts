/** A node's own clock: it started somewhere and runs a few percent too fast or too slow (chrony slews 8 %). */
export class Clock {
  readonly offsetUs: number;
  readonly rate: number;

  constructor(offsetUs: number, rate: number) {
    this.offsetUs = offsetUs;
    this.rate = rate;
  }

  localUs(realUs: number): number {
    return this.offsetUs + this.rate * realUs;
  }

  realUs(localUs: number): number {
    return (localUs - this.offsetUs) / this.rate;
  }

  /** The first whole real µs at which this clock shows `localUs` or more. */
  firstRealUsAtOrAfter(localUs: number): number {
    return Math.floor(this.realUs(localUs)) + 1;
  }
}
