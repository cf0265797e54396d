/**
 * Loaded into a process by `node --import`, shifts what `Date` says by as many ms as the file of the environment variable
 * `LAB_CLOCK_FILE` says, as if someone had set the machine's clock. Monotonic clocks go on as they are, as they do then.
 */
import { readFileSync } from 'node:fs';

const file = process.env.LAB_CLOCK_FILE;
if (file === undefined) throw new Error('LAB_CLOCK_FILE is not set');
const RealDate = Date;
let shiftMs = 0;
setInterval(() => {
  shiftMs = Number(readFileSync(file, 'utf8'));
}, 20).unref();

globalThis.Date = class extends RealDate {
  constructor(...given: [] | [value: number | string | Date]) {
    const [value = RealDate.now() + shiftMs] = given;
    super(value);
  }
  static override now(): number {
    return RealDate.now() + shiftMs;
  }
} as typeof Date;
