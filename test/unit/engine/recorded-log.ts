import { Writable } from 'node:stream';
import { pino } from 'pino';
import { z } from 'zod';
import type { Logger } from '../../../agent/log/index.ts';

const Line = z.object({ level: z.number(), msg: z.string() });

/** A real logger, and the lines that it wrote. */
export function recordedLog(): { log: Logger; lines: () => { level: number; msg: string }[] } {
  const written: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk));
      done();
    },
  });
  return {
    log: pino({ level: 'debug' }, sink),
    lines: () => written.map((line) => Line.parse(JSON.parse(line))),
  };
}
